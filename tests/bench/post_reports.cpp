// Posts what a flush posts, and does nothing else: the bare time of delivering over HTTPS.
//
// usage: post_reports URL CA_FILE HOST:PORT:ADDRESS CONCURRENCY <BODIES
//
// BODIES: each a line with its size in octets, and so many octets. Over HTTP/2 where the server has
// it. Prints how many posts were answered with 201.
#include <curl/curl.h>

#include <charconv>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

unsigned number_from(std::string_view text) {
  unsigned number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::size_t drop(char* /*data*/, std::size_t size, std::size_t count, void* /*user*/) {
  return size * count;
}

struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, ListDeleter>;

struct Poster {
  std::unique_ptr<CURLM, MultiDeleter> multi{curl_multi_init()};
  std::vector<std::unique_ptr<CURL, EasyDeleter>> handles;
  std::vector<std::string> bodies;
  std::size_t next = 0;
  std::size_t accepted = 0;

  void add(const std::string& url, const std::string& ca_file, const List& headers,
           const List& resolved) {
    CURL* easy = handles.emplace_back(curl_easy_init()).get();
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers.get());
    curl_easy_setopt(easy, CURLOPT_RESOLVE, resolved.get());
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &drop);
    start(easy);
  }

  bool start(CURL* easy) {
    if (next == bodies.size()) return false;
    const std::string& body = bodies[next++];
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    return curl_multi_add_handle(multi.get(), easy) == CURLM_OK;
  }

  void run() {
    int running = 1;
    while (running > 0) {
      curl_multi_perform(multi.get(), &running);
      int left = 0;
      while (const CURLMsg* message = curl_multi_info_read(multi.get(), &left)) {
        CURL* easy = message->easy_handle;
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (status == 201) ++accepted;
        curl_multi_remove_handle(multi.get(), easy);
        if (start(easy)) ++running;
      }
      if (running > 0) curl_multi_poll(multi.get(), nullptr, 0, 1000, nullptr);
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() != 4) return 64;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  {
    const List headers{curl_slist_append(nullptr, "Content-Type: application/tlsrpt+gzip")};
    const List resolved{curl_slist_append(nullptr, arguments[2].c_str())};
    Poster poster;
    std::string line;
    while (std::getline(std::cin, line)) {
      std::string& body = poster.bodies.emplace_back(number_from(line), '\0');
      std::cin.read(body.data(), static_cast<std::streamsize>(body.size()));
    }
    for (unsigned i = 0; i < number_from(arguments[3]); ++i) {
      poster.add(arguments[0], arguments[1], headers, resolved);
    }
    poster.run();
    std::cout << poster.accepted << '\n';
  }
  curl_global_cleanup();
  return 0;
}
