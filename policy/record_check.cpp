#include "policy/record_check.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "policy/text.h"
#include "policy/tlsrpt_record.h"

namespace tlsrpt::policy {
namespace {

constexpr std::size_t longest_shown = 160;

std::string quoted(std::string_view text) {
  const bool cut = text.size() > longest_shown;
  return '"' + escape_untrusted(text.substr(0, longest_shown)) + (cut ? "...\"" : "\"");
}

// Where else the record is put by mistake.
struct Misplacement {
  std::string name;
  std::string_view why;
};

std::vector<Misplacement> misplacements(const std::string& domain) {
  return {
      {"_smtp._tls." + domain + '.' + domain,
       "the domain is in it twice: most DNS panels append it, so enter only \"_smtp._tls\""},
      {"smtp._tls." + domain, "the underscore before \"smtp\" is missing"},
      {"_tls." + domain, "\"_smtp.\" is missing"},
      {"_smtp.tls." + domain, "the underscore before \"tls\" is missing"},
      {"_tls._smtp." + domain, R"("_smtp" and "_tls" are the wrong way round)"},
      {"_smtp_tls." + domain, R"(there must be a dot between "_smtp" and "_tls")"},
      {domain, "it belongs to a name of its own"},
  };
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// “ ” „ ‘ ’ « » in UTF-8, and the first four in Windows-1252, as word processors make them.
bool has_curly_quotes(std::string_view text) {
  for (const std::string_view quote : {"\xE2\x80\x9C", "\xE2\x80\x9D", "\xE2\x80\x9E",
                                       "\xE2\x80\x98", "\xE2\x80\x99", "\xC2\xAB", "\xC2\xBB"}) {
    if (has(text, quote)) return true;
  }
  return !is_utf8(text) && text.find_first_of("\x84\x91\x92\x93\x94") != std::string_view::npos;
}

// Whether a TXT record was meant to be a TLSRPT record, though it is none.
bool looks_like_tlsrpt(std::string_view txt) { return has(to_lower(txt), "tlsrpt"); }

// Why a record that looks like one is none.
Finding near_miss(std::string_view txt) {
  const std::string shown = "the record " + quoted(txt);
  const auto error = [&shown](const char* code, std::string_view why) {
    return Finding{Severity::error, code, shown + ' ' + std::string(why)};
  };
  constexpr std::string_view token = "tlsrptv1";
  const std::string lower = to_lower(txt);
  if (has_curly_quotes(txt)) {
    return error("curly-quotes",
                 "has typographic quotation marks in it: enter the text without any");
  }
  if (txt.find_first_of("\"'`") < txt.find_first_of("vV")) {
    return error("literal-quotes",
                 "has quotation marks as part of its text: enter the text without them");
  }
  if (txt.find_first_not_of(" \t") != 0) {
    return error("leading-blank", "begins with a blank: it must begin with v=TLSRPTv1");
  }
  if (has(txt, "v=TLSRPTv1\\;")) {
    return error("escaped-semicolon",
                 "has a backslash before \";\" as part of its text: enter the text without it");
  }
  const std::size_t at = lower.find(token);
  if (at == std::string::npos) {
    return error("unknown-version", "has a version that does not exist: write v=TLSRPTv1;");
  }
  const std::string_view before = std::string_view(lower).substr(0, at);
  const std::string_view behind = txt.substr(at + token.size());
  if (!behind.empty() &&
      (behind.front() == '.' || (behind.front() >= '0' && behind.front() <= '9'))) {
    return error("unknown-version", "has a version that does not exist: write v=TLSRPTv1;");
  }
  if (before != "v=") {
    if (has(before, ";") || has(before, "rua")) {
      return error("version-not-first", "does not begin with v=TLSRPTv1; which must come first");
    }
    return error("version-separator",
                 "has its version written wrongly: it must be exactly v=TLSRPTv1;");
  }
  if (!txt.starts_with("v=TLSRPTv1")) {
    return error("version-case",
                 "has its version in the wrong case: it must be exactly v=TLSRPTv1;");
  }
  return error("missing-semicolon", "has no \";\" behind v=TLSRPTv1");
}

Severity severity_of(RuaFault fault) {
  switch (fault) {
    case RuaFault::empty_item:
    case RuaFault::size_suffix:
    case RuaFault::header_fields:
      return Severity::warning;
    case RuaFault::over_limit:
      return Severity::note;
    case RuaFault::missing_scheme:
    case RuaFault::http_scheme:
    case RuaFault::unsupported_scheme:
    case RuaFault::bad_address:
    case RuaFault::bad_uri:
      break;
  }
  return Severity::error;
}

void add_rua_findings(const TlsrptRecord& record, RecordCheck& check) {
  for (const RuaWarning& warning : record.warnings) {
    // The URI of a quoted rua is no URI for one reason only.
    const bool curly =
        has_curly_quotes(record.text) && has(warning.message, "not allowed in a URI");
    check.findings.push_back(
        {severity_of(warning.fault), std::string(curly ? "curly-quotes" : to_text(warning.fault)),
         "rua: " + warning.message +
             (curly ? " (typographic quotation marks: enter the text without any)" : "")});
  }
}

void add_ignored_findings(const TlsrptRecord& record, RecordCheck& check) {
  for (const std::string& field : record.ignored) {
    const std::string lower = to_lower(field);
    if (lower == "rua") {
      check.findings.push_back(
          {Severity::error, "rua-case", "the field " + quoted(field) + " must be written \"rua\""});
    } else if (lower == "pct") {
      check.findings.push_back({Severity::note, "pct",
                                "\"pct\" is not in RFC 8460 and ignored: TLS reports know no "
                                "sampling, each of them counts every session"});
    } else {
      check.findings.push_back({Severity::note, "unknown-field",
                                "the field " + quoted(field) + " is not in RFC 8460 and ignored"});
    }
  }
}

// The one TLSRPT record of the name.
void judge_record(std::string_view txt, RecordCheck& check) {
  const TlsrptReading reading = read_tlsrpt_record(txt);
  check.record = reading.record.text;
  if (!reading.fault.empty()) {
    const bool no_rua = has(reading.fault, "no rua") || reading.fault == "rua is empty";
    check.findings.push_back(
        {Severity::error, no_rua ? "no-rua" : "syntax",
         "the record " + quoted(txt) + " cannot be used: " + reading.fault +
             (no_rua ? "; add for example rua=mailto:tlsrpt@" + check.domain : std::string())});
  } else {
    for (const RuaUri& uri : reading.record.rua) check.rua.push_back(uri.text());
  }
  add_rua_findings(reading.record, check);
  add_ignored_findings(reading.record, check);
}

// Everything that was found at the right name.
void judge_texts(const std::vector<std::string>& texts, RecordCheck& check) {
  const auto records = std::count_if(texts.begin(), texts.end(), is_tlsrpt_record);
  for (const std::string& txt : texts) {
    if (is_tlsrpt_record(txt)) {
      if (records == 1) judge_record(txt, check);
    } else if (looks_like_tlsrpt(txt)) {
      Finding finding = near_miss(txt);
      // Beside a good record it does no harm.
      if (records == 1) finding.severity = Severity::warning;
      check.findings.push_back(std::move(finding));
    } else {
      check.findings.push_back({Severity::note, "other-record",
                                "the record " + quoted(txt) + " is no TLSRPT record and ignored"});
    }
  }
  if (records > 1) {
    check.findings.push_back({Severity::error, "several-records",
                              std::to_string(records) + " TLSRPT records at " + check.name +
                                  ": with more than one, no reports are sent; join their rua, "
                                  "separated by commas, in one record"});
  }
}

// What was found at a name where the record does not belong. A wildcard answers there with the text
// of the right name: nothing to report.
void judge_misplaced(const Misplacement& place, const TxtAnswer& at_place,
                     const std::vector<std::string>& at_right, RecordCheck& check) {
  if (at_place.outcome == DnsOutcome::temporary) {
    check.findings.push_back({Severity::note, "not-looked-up",
                              "could not see whether there is a record at " + place.name + ": " +
                                  escape_untrusted(at_place.error)});
    return;
  }
  for (const std::string& txt : at_place.records) {
    if (!looks_like_tlsrpt(txt)) continue;
    if (std::find(at_right.begin(), at_right.end(), txt) != at_right.end()) continue;
    const bool needed = check.record.empty();
    check.findings.push_back({needed ? Severity::error : Severity::note, "misplaced",
                              "there is a record at " + place.name +
                                  ", where nobody looks: " + std::string(place.why) +
                                  (needed ? "; it belongs at " + check.name : "")});
    return;
  }
}

struct Answers {
  TxtAnswer right;
  std::vector<Misplacement> places;
  std::vector<TxtAnswer> at_places;
};

void judge(const Answers& answers, RecordCheck& check) {
  if (answers.right.outcome == DnsOutcome::temporary) {
    check.state = RecordState::dns_failed;
    check.findings.push_back({Severity::error, "dns-failed",
                              "could not look up " + check.name + ": " +
                                  escape_untrusted(answers.right.error) +
                                  "; try again later, and see that its name servers answer"});
    return;
  }
  judge_texts(answers.right.records, check);
  for (std::size_t i = 0; i < answers.places.size(); ++i) {
    judge_misplaced(answers.places[i], answers.at_places[i], answers.right.records, check);
  }
  const bool in_error =
      std::any_of(check.findings.begin(), check.findings.end(),
                  [](const Finding& finding) { return finding.severity == Severity::error; });
  if (in_error) {
    check.state = RecordState::faulty;
  } else if (!check.rua.empty()) {
    check.state = RecordState::good;
  } else {
    check.state = RecordState::absent;
    check.findings.insert(check.findings.begin(),
                          {Severity::error, "absent",
                           "no TLSRPT record at " + check.name +
                               ": add the TXT record \"v=TLSRPTv1; rua=mailto:tlsrpt@" +
                               check.domain + "\" to get reports"});
  }
  std::stable_sort(check.findings.begin(), check.findings.end(),
                   [](const Finding& a, const Finding& b) { return a.severity < b.severity; });
}

}  // namespace

std::string_view to_text(Severity severity) {
  constexpr std::array<std::string_view, 3> texts = {"error", "warning", "note"};
  return texts.at(static_cast<std::size_t>(severity));
}

std::string_view to_text(RecordState state) {
  constexpr std::array<std::string_view, 4> texts = {"good", "absent", "faulty", "dns-failed"};
  return texts.at(static_cast<std::size_t>(state));
}

std::vector<RecordCheck> check_records(Resolver& resolver, const std::vector<DomainName>& domains) {
  std::vector<Answers> answers(domains.size());
  for (std::size_t i = 0; i < domains.size(); ++i) {
    Answers& own = answers[i];
    own.places = misplacements(domains[i].text());
    own.at_places.resize(own.places.size());
    resolver.look_up_txt(tlsrpt_name(domains[i].text()),
                         [&own](TxtAnswer answer) { own.right = std::move(answer); });
    for (std::size_t k = 0; k < own.places.size(); ++k) {
      resolver.look_up_txt(own.places[k].name,
                           [&own, k](TxtAnswer answer) { own.at_places[k] = std::move(answer); });
    }
  }
  resolver.run();

  std::vector<RecordCheck> checks;
  for (std::size_t i = 0; i < domains.size(); ++i) {
    RecordCheck check;
    check.domain = domains[i].text();
    check.name = tlsrpt_name(check.domain);
    judge(answers[i], check);
    checks.push_back(std::move(check));
  }
  return checks;
}

}  // namespace tlsrpt::policy
