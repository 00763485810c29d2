#include "reporter/flush/outgoing.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "policy/text.h"
#include "reporter/report/report_message.h"
#include "reporter/report/report_name.h"
#include "reporter/report/smallest_form.h"
#include "reporter/report/verp.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;

constexpr std::string_view bcc_scheme = "bcc:";

// The address in the first mailto destination of SIBLINGS, ALTERNATIVE where there is none.
std::string first_recipient(const std::vector<Delivery>& siblings, const std::string& alternative) {
  for (const Delivery& each : siblings) {
    const auto destination = policy::parse_destination(each.destination);
    if (destination.ok() && destination->scheme == policy::RuaScheme::mailto) {
      return destination->target;
    }
  }
  return alternative;
}

}  // namespace

Result<std::variant<OutgoingMail, OutgoingPost>> make_outgoing(
    const StoredReport& stored, const Delivery& delivery, const std::vector<Delivery>& siblings,
    const OutgoingSender& sender) {
  std::optional<StoredReport> smallest;
  if (delivery.is_smallest) {
    auto made = smallest_form(stored);
    if (!made.ok()) return std::move(made).error();
    smallest = *std::move(made);
  }
  const StoredReport& report = smallest ? *smallest : stored;
  using Outgoing = std::variant<OutgoingMail, OutgoingPost>;
  const auto place = std::find_if(siblings.begin(), siblings.end(),
                                  [&](const Delivery& each) { return each.id == delivery.id; });
  if (place == siblings.end()) return Error(Errc::syntax, "not a delivery of its report");
  OutgoingMail mail;
  std::string to;
  if (delivery.destination.starts_with(bcc_scheme)) {
    mail.recipient = delivery.destination.substr(bcc_scheme.size());
    if (!is_envelope_address(mail.recipient)) return Error(Errc::syntax, "unusable bcc address");
    to = first_recipient(siblings, mail.recipient);
  } else {
    auto destination = policy::parse_destination(delivery.destination);
    if (!destination.ok()) return std::move(destination).error();
    if (destination->scheme == policy::RuaScheme::https) {
      return Outgoing(OutgoingPost{*std::move(destination), report.json_gz});
    }
    mail.recipient = destination->target;
    to = mail.recipient;
    if (sender.verp_delimiter != '\0') {
      mail.sender = make_verp_sender(sender.mail_from, sender.verp_delimiter, delivery.message_id,
                                     delivery.id);
    }
  }
  auto message = render_report_message(report, {sender.mail_from, to, delivery.message_id});
  if (!message.ok()) return std::move(message).error();
  if (sender.signer != nullptr) message = sender.signer->sign(*message);
  if (!message.ok()) return std::move(message).error();
  mail.message = *std::move(message);
  mail.disk_name =
      message_disk_name(report.file_name, static_cast<unsigned>(place - siblings.begin()) + 1);
  return Outgoing(std::move(mail));
}

}  // namespace tlsrpt::reporter
