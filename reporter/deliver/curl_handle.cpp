#include "reporter/deliver/curl_handle.h"

#include <new>
#include <utility>

namespace tlsrpt::reporter {

CurlList append(CurlList list, const std::string& text) {
  curl_slist* longer = curl_slist_append(list.get(), text.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  (void)list.release();  // The longer list has it.
  return CurlList(longer);
}

}  // namespace tlsrpt::reporter
