// Runs a fuzz target without libFuzzer, which GCC lacks: over every seed and a fixed number of
// mutations of each, the same in every run. It finds less than a real fuzzer and takes seconds, so
// that every build can do it.
//
// usage: TARGET [-n MUTATIONS] SEED_OR_FOLDER...
//
// An input that makes the target crash, abort or take longer than 20 s is left in `crash-TARGET` in
// the present folder; give that file as SEED to see it again.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
// From the address sanitizer, where there is one.
// NOLINTNEXTLINE(bugprone-reserved-identifier): its name.
extern "C" [[gnu::weak]] void __sanitizer_set_death_callback(void (*callback)());

namespace {

constexpr std::size_t default_mutations = 400;  // Of each seed.
constexpr std::size_t max_truncations = 200;    // Of each seed, evenly spread.
constexpr std::size_t max_edits = 6;            // In one mutation.
constexpr std::size_t megabyte = 1'000'000;
constexpr std::size_t long_seeds = 3;  // Of how many seeds the long forms are tried.
constexpr unsigned seconds_for_one_input = 20;
// What parsers stumble over: ends, quotes, escapes, separators, bytes that are no UTF-8.
constexpr auto splinters = std::to_array<std::string_view>({std::string_view("\0", 1),
                                                            "\n",
                                                            "\r\n",
                                                            "\xff",
                                                            "\xc3",
                                                            "\xe2\x80\xae",
                                                            "%00",
                                                            "%",
                                                            "\"",
                                                            "\\",
                                                            "{",
                                                            "[",
                                                            ",",
                                                            ";",
                                                            "=",
                                                            ":",
                                                            "<",
                                                            ">",
                                                            "(",
                                                            ")",
                                                            "[]:25",
                                                            "@",
                                                            "..",
                                                            "-1",
                                                            "99999999999999999999",
                                                            "1e309",
                                                            "v=TLSRPTv1",
                                                            "mailto:",
                                                            "https://",
                                                            "to=<",
                                                            "status=sent",
                                                            "smtp[1]: "});

// Read by the handlers below: what is being tried, and where it goes when that ends badly.
std::string current_input;
std::string crash_file;

// Only calls that are allowed in a signal handler.
void keep_current_input() {
  const int file = ::open(crash_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return;
  std::string_view rest = current_input;
  while (!rest.empty()) {
    const auto written = ::write(file, rest.data(), rest.size());
    if (written <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

extern "C" void on_fatal_signal(int number) {
  keep_current_input();
  ::_exit(128 + number);
}

void catch_crashes() {
  struct sigaction action {};
  action.sa_handler = on_fatal_signal;
  for (const int number : {SIGABRT, SIGALRM}) ::sigaction(number, &action, nullptr);
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(keep_current_input);
  } else {
    for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
      ::sigaction(number, &action, nullptr);
    }
  }
}

void run(std::string input) {
  current_input = std::move(input);
  ::alarm(seconds_for_one_input);
  // A copy of exactly this size, so that the sanitizer sees a read behind the end.
  const std::vector<std::uint8_t> bytes(current_input.begin(), current_input.end());
  (void)LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

class Mutator {
 public:
  explicit Mutator(std::span<const std::string> seeds) : seeds_(seeds) {}

  std::string mutate(std::string text) {
    for (auto edits = 1 + below(max_edits); edits > 0; --edits) edit(text);
    return text;
  }

 private:
  // A number from 0 to LIMIT - 1; 0 where LIMIT is 0. The distributions of <random> are not the
  // same in every library, the engine is.
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : engine_() % limit; }

  void edit(std::string& text) {
    const auto at = below(text.size() + 1);
    const auto length = below(std::min<std::size_t>(text.size() - at, 64) + 1);
    const auto& other = seeds_[below(seeds_.size())];
    switch (below(7)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 1:
        if (at < text.size()) text[at] = static_cast<char>(below(256));
        break;
      case 2:
        text.erase(at, length);
        break;
      case 3:
        text.insert(at, text.substr(at, length));
        break;
      case 4:
        text.insert(at, splinters.at(below(splinters.size())));
        break;
      case 5:
        text = text.substr(0, at) + other.substr(below(other.size() + 1));
        break;
      default:
        text.resize(at);
        break;
    }
  }

  std::span<const std::string> seeds_;
  std::mt19937_64 engine_{8460};  // NOLINT(cert-msc51-cpp): the same in every run is the point.
};

// All but the last octets, at up to max_truncations places.
std::size_t run_truncations(const std::string& seed) {
  const auto step = std::max<std::size_t>(1, seed.size() / max_truncations);
  std::size_t count = 0;
  for (std::size_t size = 0; size < seed.size(); size += step, ++count) run(seed.substr(0, size));
  return count;
}

// A megabyte of the seed over and over, the seed with a megabyte in its middle, and before it.
std::size_t run_long_forms(const std::string& seed) {
  std::string repeated;
  while (repeated.size() < megabyte) repeated += seed.empty() ? std::string("a") : seed;
  run(std::move(repeated));
  const auto middle = seed.size() / 2;
  run(seed.substr(0, middle) + std::string(megabyte, 'a') + seed.substr(middle));
  run(std::string(megabyte, '\0') + seed);
  return 3;
}

std::vector<std::string> read_seeds(std::span<char* const> names) {
  std::vector<std::filesystem::path> files;
  for (const std::filesystem::path name : names) {
    if (std::filesystem::is_directory(name)) {
      for (const auto& entry : std::filesystem::directory_iterator(name)) files.push_back(entry);
    } else {
      files.push_back(name);
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> seeds;
  for (const auto& name : files) {
    std::ifstream file(name, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    if (!file) throw std::filesystem::filesystem_error("cannot read", name, std::error_code());
  }
  return seeds;
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char* const> arguments(argv, static_cast<std::size_t>(argc));
  auto names = arguments.subspan(1);
  std::size_t mutations = default_mutations;
  if (names.size() > 2 && std::string_view(names[0]) == "-n") {
    const std::string_view number = names[1];
    const auto end = number.data() + number.size();
    if (std::from_chars(number.data(), end, mutations).ptr != end) return 64;
    names = names.subspan(2);
  }
  crash_file = "crash-" + std::filesystem::path(arguments[0]).filename().string();
  const auto seeds = read_seeds(names);
  if (seeds.empty()) {
    std::cerr << "usage: " << arguments[0] << " [-n MUTATIONS] SEED_OR_FOLDER...\n";
    return 64;
  }
  catch_crashes();
  Mutator mutator(seeds);
  std::size_t count = 0;
  for (std::size_t index = 0; index < seeds.size(); ++index) {
    run(seeds[index]);
    count += 1 + mutations + run_truncations(seeds[index]);
    if (index < long_seeds) count += run_long_forms(seeds[index]);
    for (std::size_t left = mutations; left > 0; --left) run(mutator.mutate(seeds[index]));
  }
  std::cout << seeds.size() << " seeds, " << count << " inputs\n";
  return 0;
}
