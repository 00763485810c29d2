#include "reporter/dkim/dkim_signer.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "reporter/dkim/canonical.h"
#include "reporter/report/base64.h"

namespace tlsrpt::reporter {
namespace {

using policy::Result;

// RFC 8460, 3 and 5.3: with the fields of a report. Each stands twice.
constexpr auto signed_names =
    std::to_array<std::string_view>({"From", "To", "Subject", "Date", "Message-ID", "MIME-Version",
                                     "Content-Type", "TLS-Report-Domain", "TLS-Report-Submitter"});
constexpr std::string_view fold = "\r\n ";
constexpr std::size_t wanted_line = 76;

std::vector<std::string_view> oversigned_names() {
  std::vector<std::string_view> names;
  for (const std::string_view name : signed_names) names.insert(names.end(), 2, name);
  return names;
}

// " h=From:From:...", folded behind colons.
std::string names_tag(const std::vector<std::string_view>& names) {
  std::string out = " h=";
  std::size_t column = out.size();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (column + names[i].size() + 1 > wanted_line) {
      out.append(fold).append(" ");
      column = 2;
    }
    out.append(names[i]);
    if (i + 1 < names.size()) out += ':';
    column += names[i].size() + 1;
  }
  return out;
}

// TEXT in lines.
std::string folded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = std::min(wanted_line - 4, text.size());
    if (!out.empty()) out.append(fold).append(" ");
    out.append(text.substr(0, size));
    text.remove_prefix(size);
  }
  return out;
}

}  // namespace

Result<std::string> DkimSigner::sign(std::string_view message) const {
  const MessageParts parts = split_message(message);
  const std::string body_hash = base64_encode(sha256(relaxed_body(parts.body)));
  const std::vector<std::string_view> names = oversigned_names();
  std::string signatures;
  for (const DkimSelectorKey& each : keys_) {
    std::string field = "DKIM-Signature: v=1; a=" + std::string(to_text(each.key.type()));
    field.append("-sha256; c=relaxed/relaxed;").append(fold);
    field.append("d=" + domain_ + ";").append(fold).append("s=" + each.selector + ";\r\n");
    field.append(names_tag(names)).append(";").append(fold);
    field.append("bh=" + body_hash + ";").append(fold).append("b=");
    auto signature = each.key.sign(signed_text(parts.fields, names, field));
    if (!signature.ok()) return std::move(signature).error().context("DKIM");
    signatures += field + folded(base64_encode(*signature)) + "\r\n";
  }
  return signatures.append(message);
}

Result<std::optional<DkimSigner>> make_dkim_signer(const Settings& settings) {
  if (settings.dkim_domain.empty()) return std::optional<DkimSigner>();
  const auto reader = find_secret_reader(settings);
  if (!reader.ok()) return reader.error();
  std::vector<DkimSelectorKey> keys;
  const std::size_t count = std::min(settings.dkim_key_file.size(), settings.dkim_selector.size());
  for (std::size_t i = 0; i < count; ++i) {
    auto key = load_dkim_key(settings.dkim_key_file[i], *reader);
    if (!key.ok()) return std::move(key).error();
    keys.push_back({settings.dkim_selector[i], *std::move(key)});
  }
  return std::optional<DkimSigner>(std::in_place, settings.dkim_domain, std::move(keys));
}

}  // namespace tlsrpt::reporter
