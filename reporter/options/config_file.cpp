#include "reporter/options/config_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "policy/text.h"
#include "policy/unique_fd.h"
#include "reporter/options/option_table.h"

namespace tlsrpt::reporter {
namespace {

using policy::escape_untrusted;
using policy::trim;

// How much of a faulty line a message shows.
constexpr std::size_t max_shown = 60;

std::string shown(std::string_view text) {
  if (text.size() <= max_shown) return "\"" + escape_untrusted(text) + "\"";
  std::size_t cut = max_shown;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;
  return "\"" + escape_untrusted(text.substr(0, cut)) + "...\"";
}

// What is wrong with the bytes of a line, empty where nothing is.
std::string byte_fault(std::string_view line) {
  if (line.size() > max_config_line) {
    return "line is longer than " + std::to_string(max_config_line) + " bytes";
  }
  if (line.find('\0') != std::string_view::npos) return "line holds a NUL byte";
  if (!line.empty() && line.back() == '\r') {
    return "line ends in CR LF: convert the file to Unix line ends";
  }
  if (line.starts_with("\xEF\xBB\xBF")) return "file begins with a byte order mark: remove it";
  if (!policy::is_utf8(line)) return "line is not valid UTF-8";
  const bool control = std::any_of(line.begin(), line.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
  });
  return control ? "line holds a control character" : "";
}

bool is_name(std::string_view text) {
  return !text.empty() && text.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == std::string_view::npos;
}

class Parser {
 public:
  ParsedSettings parse(std::string_view text);

 private:
  // `name = value`, put together from its lines.
  struct Entry {
    std::size_t line = 0;
    const Option* option = nullptr;
    std::string value;
  };

  void read_line(std::string_view line);
  void begin_entry(std::string_view line);
  void continue_entry(std::string_view line);
  // Parses the value of the entry that has ended.
  void end_entry();
  void check_whole_file();
  // Remembers the option NAME, if it is one, as set to an unknown value, so that it is neither
  // called missing nor compared with others.
  void set_aside(std::string_view name);
  void fault(std::size_t line, std::string reason) { faults_.push_back({line, std::move(reason)}); }

  std::size_t line_ = 0;
  std::optional<Entry> entry_;
  bool skip_continuations_ = false;                    // Those of an entry that is a fault.
  std::map<std::string_view, std::size_t> set_lines_;  // Option → line of its value.
  std::set<std::string_view> faulty_;                  // Options whose value is not known.
  bool told_line_ends_ = false;
  Settings settings_ = default_settings();
  std::vector<ConfigFault> faults_;
};

ParsedSettings Parser::parse(std::string_view text) {
  if (text.size() > max_config_size) {
    return {{}, {{1, "file is larger than 1 MiB: this is no configuration file"}}};
  }
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    ++line_;
    read_line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  end_entry();
  line_ = std::max<std::size_t>(line_, 1);
  check_whole_file();
  std::stable_sort(faults_.begin(), faults_.end(),
                   [](const ConfigFault& a, const ConfigFault& b) { return a.line < b.line; });
  if (faults_.size() > max_config_faults) {
    const std::size_t more = faults_.size() - max_config_faults;
    faults_.resize(max_config_faults);
    faults_.push_back({faults_.back().line, "and " + std::to_string(more) + " faults more"});
  }
  for (const auto& [option, line] : set_lines_) settings_.option_lines.emplace(option, line);
  return {std::move(settings_), std::move(faults_)};
}

void Parser::set_aside(std::string_view name) {
  if (const Option* option = find_option(name)) {
    set_lines_.emplace(option->name, line_);
    faulty_.insert(option->name);
  }
}

void Parser::read_line(std::string_view line) {
  if (std::string reason = byte_fault(line); !reason.empty()) {
    const bool line_end = line.size() <= max_config_line && line.back() == '\r';
    if (!line_end || !told_line_ends_) fault(line_, std::move(reason));
    told_line_ends_ = told_line_ends_ || line_end;
    if (!line_end) {
      if (line.find_first_of(" \t") != 0) end_entry();
      const std::string_view name = trim(line.substr(0, std::min(line.find('='), line.size())));
      set_aside(name);
      skip_continuations_ = true;
      return;
    }
    line.remove_suffix(1);
  }
  const std::string_view content = trim(line);
  if (content.empty() || content.front() == '#') return;
  if (line.front() == ' ' || line.front() == '\t') {
    continue_entry(content);
  } else {
    end_entry();
    begin_entry(content);
  }
}

void Parser::begin_entry(std::string_view line) {
  skip_continuations_ = true;
  const std::size_t equals = line.find('=');
  const std::string_view name = trim(line.substr(0, std::min(equals, line.size())));
  if (equals == std::string_view::npos) {
    const std::string_view first = name.substr(0, name.find_first_of(" \t:"));
    const bool known = find_option(first) != nullptr;
    fault(line_, known ? "\"=\" is missing after " + std::string(first)
                       : "expected \"name = value\", found " + shown(line));
    set_aside(first);
    return;
  }
  if (!is_name(name)) {
    fault(line_, "expected \"name = value\", found " + shown(line));
    return;
  }
  const Option* option = find_option(name);
  if (option == nullptr) {
    const Option* guess = guess_option(name);
    fault(line_, "unknown option " + std::string(name.substr(0, max_shown)) +
                     (guess != nullptr ? "; did you mean " + std::string(guess->name) + "?" : ""));
    return;
  }
  const auto [at, first_time] = set_lines_.emplace(option->name, line_);
  if (!first_time) {
    fault(line_, std::string(name) + ": is set again, first in line " + std::to_string(at->second));
    return;
  }
  skip_continuations_ = false;
  entry_ = Entry{line_, option, std::string(trim(line.substr(equals + 1)))};
}

void Parser::continue_entry(std::string_view line) {
  // An option that was indented by mistake would vanish in the value above it.
  if (const std::size_t equals = line.find('='); equals != std::string_view::npos) {
    if (const Option* option = find_option(trim(line.substr(0, equals)))) {
      fault(line_, "the blank before " + std::string(option->name) +
                       " makes this line part of the option above: remove it");
      set_aside(option->name);
      return;
    }
  }
  if (skip_continuations_) return;
  if (!entry_) {
    fault(line_, "line begins with a blank, but there is no option above that it continues");
    return;
  }
  if (!entry_->value.empty()) entry_->value += ' ';
  entry_->value += line;
  if (entry_->value.size() > max_config_line) {
    fault(entry_->line, std::string(entry_->option->name) + ": value is longer than " +
                            std::to_string(max_config_line) + " bytes");
    faulty_.insert(entry_->option->name);
    entry_.reset();
    skip_continuations_ = true;
  }
}

void Parser::end_entry() {
  skip_continuations_ = false;
  if (!entry_) return;
  const Entry entry = *std::exchange(entry_, std::nullopt);
  const Option& option = *entry.option;
  const bool needs_value = option.presence == Presence::required || !option.default_text.empty();
  if (entry.value.empty() && needs_value) {
    fault(entry.line, std::string(option.name) + ": has no value");
    faulty_.insert(option.name);
    return;
  }
  policy::Status assigned = option.assign(settings_, entry.value);
  if (assigned.ok()) return;
  faulty_.insert(option.name);
  std::string reason = std::string(option.name) + ": " + assigned.error().message();
  if (entry.value.find('#') != std::string::npos) reason += " (a comment needs a line of its own)";
  fault(entry.line, std::move(reason));
}

void Parser::check_whole_file() {
  for (const Option& option : option_table()) {
    if (option.presence == Presence::required && !set_lines_.contains(option.name)) {
      fault(line_, "required option " + std::string(option.name) + " is missing");
    }
  }
  derive(settings_);
  const auto line_of = [this](std::string_view option) {
    const auto at = set_lines_.find(option);
    return at != set_lines_.end() ? at->second : std::size_t{0};
  };
  for (const OptionFault& each : validate(settings_)) {
    if (faulty_.contains(each.option) || faulty_.contains(each.other)) continue;
    fault(std::max(line_of(each.option), line_of(each.other)),
          std::string(each.option) + ": " + each.reason);
  }
}

policy::Error io_error(const std::string& path, const char* what, int number) {
  const auto code = number == ENOENT ? policy::Errc::not_found : policy::Errc::io;
  return {code,
          escape_untrusted(path) + ": " + what + ": " + std::generic_category().message(number)};
}

}  // namespace

ParsedSettings parse_settings(std::string_view text) { return Parser().parse(text); }

policy::Result<std::string> read_small_file(const std::string& path, std::size_t limit) {
  if (path.find('\0') != std::string::npos) return io_error(path, "cannot open", EINVAL);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): open(2) is what it is.
  const policy::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file.valid()) return io_error(path, "cannot open", errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return io_error(path, "cannot examine", errno);
  if (S_ISDIR(status.st_mode)) return io_error(path, "cannot read", EISDIR);
  std::string text;
  std::array<char, 16384> buffer{};
  while (true) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(path, "cannot read", errno);
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > limit) {
      return policy::Error(policy::Errc::limit, escape_untrusted(path) + ": is larger than " +
                                                    std::to_string(limit) + " bytes");
    }
  }
}

policy::Result<Settings> load_settings(const std::string& path) {
  const auto text = read_small_file(path, max_config_size);
  if (!text.ok()) return text.error();
  ParsedSettings parsed = parse_settings(*text);
  if (parsed.faults.empty()) {
    parsed.settings.config_file = path;
    return std::move(parsed.settings);
  }
  std::string message;
  for (const ConfigFault& each : parsed.faults) {
    if (!message.empty()) message += '\n';
    message += escape_untrusted(path) + ":" + std::to_string(each.line) + ": " + each.reason;
  }
  return policy::Error(policy::Errc::syntax, std::move(message));
}

std::string fault_text(const Settings& settings, std::string_view option, std::string_view reason) {
  std::string text = escape_untrusted(settings.config_file);
  const auto line = settings.option_lines.find(option);
  if (line != settings.option_lines.end()) text += ":" + std::to_string(line->second);
  if (!text.empty()) text += ": ";
  return text.append(option).append(": ").append(reason);
}

}  // namespace tlsrpt::reporter
