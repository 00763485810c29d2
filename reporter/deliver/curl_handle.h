// RAII wrappers around libcurl's C handles.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>

namespace tlsrpt::reporter {

// libcurl's process-wide state. Make one before the first handle and before threads exist, and keep
// it until the last handle is gone.
class CurlGlobal {
 public:
  CurlGlobal() { curl_global_init(CURL_GLOBAL_DEFAULT); }
  CurlGlobal(const CurlGlobal&) = delete;
  CurlGlobal& operator=(const CurlGlobal&) = delete;
  ~CurlGlobal() { curl_global_cleanup(); }
};

struct CurlEasyCleanup {
  void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};
using CurlEasy = std::unique_ptr<CURL, CurlEasyCleanup>;

struct CurlMultiCleanup {
  void operator()(CURLM* handle) const noexcept { curl_multi_cleanup(handle); }
};
using CurlMulti = std::unique_ptr<CURLM, CurlMultiCleanup>;

struct CurlListCleanup {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using CurlList = std::unique_ptr<curl_slist, CurlListCleanup>;

// LIST with TEXT at its end; throws std::bad_alloc.
CurlList append(CurlList list, const std::string& text);

}  // namespace tlsrpt::reporter
