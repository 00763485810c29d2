#include "reporter/dkim/dkim_record.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "policy/text.h"
#include "reporter/report/base64.h"

namespace tlsrpt::reporter {
namespace {

using policy::DnsOutcome;
using policy::Errc;
using policy::Error;
using policy::Result;

constexpr std::size_t most_in_string = 255;

// Blanks, and the line ends that a zone file may have brought in (FWS).
constexpr std::string_view blanks = " \t\r\n";

std::string_view stripped(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::vector<std::string_view> parts_of(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(stripped(text.substr(0, end)));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool is_tag_name(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !name.empty() && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

using Tags = std::map<std::string_view, std::string_view>;

// The tags of RECORD (RFC 6376, 3.2).
Result<Tags> read_tags(std::string_view record) {
  auto parts = parts_of(record, ';');
  if (parts.back().empty()) parts.pop_back();
  Tags tags;
  for (const std::string_view part : parts) {
    const std::size_t equals = part.find('=');
    const std::string_view name = stripped(part.substr(0, equals));
    if (equals == std::string_view::npos || !is_tag_name(name)) {
      return Error(Errc::syntax, "has no tag=value in \"" + std::string(part) + "\"");
    }
    if (!tags.emplace(name, stripped(part.substr(equals + 1))).second) {
      return Error(Errc::syntax, "has " + std::string(name) + "= twice");
    }
    if (name == "v" && part != parts.front()) {
      return Error(Errc::syntax, "has v= behind another tag");
    }
  }
  return tags;
}

class Judge {
 public:
  Judge(const Tags& tags, const DkimKey& key) : tags_(tags), key_(key) {}

  std::vector<DkimRecordFinding> run() {
    judge_version();
    judge_key();
    judge_hashes();
    judge_services();
    judge_flags();
    return std::move(findings_);
  }

 private:
  std::optional<std::string_view> tag(std::string_view name) const {
    const auto at = tags_.find(name);
    return at == tags_.end() ? std::nullopt : std::optional(at->second);
  }
  bool lists(std::string_view name, std::string_view wanted) const {
    const auto words = parts_of(tag(name).value_or(""), ':');
    return std::any_of(words.begin(), words.end(), [wanted](std::string_view word) {
      return policy::to_lower(word) == wanted;
    });
  }
  void fault(std::string text) { findings_.push_back({true, std::move(text)}); }
  void hint(std::string text) { findings_.push_back({false, std::move(text)}); }

  void judge_version() {
    const auto version = tag("v");
    if (version && *version != "DKIM1") {
      fault("has v=" + std::string(*version) + ", not v=DKIM1: recipients pass it over");
    }
  }

  void judge_key() {
    const std::string type = policy::to_lower(tag("k").value_or("rsa"));
    const auto published = tag("p");
    if (type != to_text(key_.type())) {
      fault("is for a key of the kind " + type + ", and ours is " +
            std::string(to_text(key_.type())));
    } else if (!published) {
      fault("has no p=, which would be the key");
    } else if (published->empty()) {
      fault("has an empty p=: the key is revoked");
    } else if (const auto octets = base64_decode(*published); !octets.ok()) {
      fault("has a p= that is not base64");
    } else if (!key_.has_public_half(*octets)) {
      fault("holds another key than the key file: signatures do not verify");
    }
  }

  void judge_hashes() {
    if (tag("h") && !lists("h", "sha256")) {
      fault("has h=" + std::string(*tag("h")) + " without sha256, which we sign with");
    }
  }

  // RFC 6376, 3.6.1: no s= is for all services. RFC 8460, 3: recipients may ignore reports where s=
  // lacks tlsrpt. dkimpy 1.1.4 takes a list for one word, and knows no such service.
  void judge_services() {
    if (!tag("s") || *tag("s") == "*") return;
    const bool is_for_mail = lists("s", "*") || lists("s", "email");
    const bool is_for_reports = lists("s", "tlsrpt");
    if (is_for_mail && is_for_reports) {
      hint("has s=" + std::string(*tag("s")) +
           ", which verifiers made with dkimpy refuse: to leave s= out, which stands for all "
           "services, is safest");
      findings_.back().advice = "prints the record; leave its s= out";
    } else if (is_for_mail) {
      hint("has s=" + std::string(*tag("s")) +
           " without tlsrpt: recipients may ignore the reports");
    } else if (is_for_reports && !is_for_mail) {
      hint("has no email in s=: verifiers that know nothing of TLS reports refuse the key");
    } else if (!is_for_reports) {
      fault("has s=" + std::string(*tag("s")) + ": the key is not for mail");
    }
  }

  void judge_flags() {
    if (lists("t", "y")) {
      fault("has t=y, only tested: recipients take the reports as not signed");
    }
  }

  const Tags& tags_;
  const DkimKey& key_;
  std::vector<DkimRecordFinding> findings_;
};

}  // namespace

std::string dkim_record_name(std::string_view selector, std::string_view domain) {
  return std::string(selector) + "._domainkey." + std::string(domain);
}

Result<std::string> make_dkim_record(const DkimKey& key) {
  auto published = key.public_text();
  if (!published.ok()) return published;
  return "v=DKIM1; k=" + std::string(to_text(key.type())) + "; s=tlsrpt:email; p=" + *published;
}

std::string zone_file_text(std::string_view name, std::string_view record) {
  std::string text = std::string(name) + ". IN TXT (\n";
  while (!record.empty()) {
    const std::string_view part = record.substr(0, most_in_string);
    record.remove_prefix(part.size());
    text.append("    \"").append(part).append(record.empty() ? "\" )\n" : "\"\n");
  }
  return text;
}

std::vector<DkimRecordFinding> judge_dkim_record(const policy::TxtAnswer& answer,
                                                 const DkimKey& key) {
  if (answer.outcome == DnsOutcome::temporary) {
    return {{false, "could not be looked up: " + answer.error}};
  }
  if (answer.outcome == DnsOutcome::absent || answer.records.empty()) {
    return {{true, "is absent: signatures do not verify"}};
  }
  if (answer.records.size() > 1) {
    return {{true, "is one of " + std::to_string(answer.records.size()) +
                       " TXT records of that name, where only one may be"}};
  }
  const auto tags = read_tags(answer.records.front());
  if (!tags.ok()) return {{true, tags.error().message()}};
  return Judge(*tags, key).run();
}

}  // namespace tlsrpt::reporter
