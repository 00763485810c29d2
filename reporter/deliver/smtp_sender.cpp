#include "reporter/deliver/smtp_sender.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "policy/text.h"

namespace tlsrpt::reporter {
namespace {

// What libcurl says, but QUIT.
constexpr auto verbs = std::to_array<std::string_view>(
    {"EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "RSET", "NOOP"});

// Whether LINE of a reply to EHLO, "250-KEYWORD ...", offers SMTPUTF8 (RFC 6531, 3.1), in the upper
// case by which libcurl knows it, too.
bool is_smtputf8(std::string_view line) {
  constexpr std::size_t code = 4;
  if (line.size() < code) return false;
  const std::string_view offer = line.substr(code);
  return offer.substr(0, offer.find_first_of(" \r\n")) == "SMTPUTF8";
}

}  // namespace

// What was said, as far as it tells how to judge a failure.
struct SmtpSender::Dialogue {
  std::string_view message;  // What of it is still to be read by libcurl.
  std::string stage;      // The verb that was sent last; "greeting" before, "message" after DATA.
  std::string reply;      // What came after it.
  bool quitting = false;  // libcurl says QUIT by itself; that is no part of the matter.
  std::optional<bool> offers_smtputf8;  // None: no EHLO was said.
  bool says_smtputf8 = false;           // With MAIL.
  bool wants_smtputf8 = false;
  bool says_auth = false;
  bool wants_auth = false;  // Not without, on this connection.
  std::array<char, CURL_ERROR_SIZE> error{};
  std::chrono::steady_clock::time_point deadline;

  void start_stage(std::string_view name) {
    stage = name;
    reply.clear();
    if (name == "EHLO") {
      offers_smtputf8 = false;
      says_auth = false;
    }
    if (name == "AUTH") says_auth = true;
  }
  void sent(std::string_view line) {
    const std::string_view verb = line.substr(0, line.find_first_of(" \r\n"));
    quitting = verb == "QUIT";
    // What follows AUTH in lines of its own is no verb, and nobody's business (RFC 4954, 4).
    const bool is_verb = std::find(verbs.begin(), verbs.end(), verb) != verbs.end();
    if (is_verb) start_stage(verb);
    if (verb == "MAIL") says_smtputf8 = line.ends_with(" SMTPUTF8\r\n");
    if (!is_verb && !quitting) reply.clear();
  }
  void received(std::string_view line) {
    if (stage == "EHLO" && is_smtputf8(line)) offers_smtputf8 = true;
    if (quitting || reply.size() > max_outcome_text) return;
    reply.append(line.substr(0, max_outcome_text));
  }
  // The code of the reply to the last stage, 0 where none came.
  unsigned code() const {
    return policy::parse_number<unsigned>(std::string_view(reply).substr(0, 3)).value_or(0);
  }
};

namespace {

// libcurl's own function type has size * count octets of room.
template <class Dialogue>
std::size_t read_message(char* buffer, std::size_t size, std::size_t count, void* user) noexcept {
  auto* dialogue = static_cast<Dialogue*>(user);
  // A server behind the same name that does not offer what the one before it did.
  if (dialogue->wants_smtputf8 && !dialogue->says_smtputf8) return CURL_READFUNC_ABORT;
  if (dialogue->wants_auth && !dialogue->says_auth) return CURL_READFUNC_ABORT;
  const std::size_t length = std::min(size * count, dialogue->message.size());
  std::copy_n(dialogue->message.data(), length, buffer);
  dialogue->message.remove_prefix(length);
  if (dialogue->stage != "message") dialogue->start_stage("message");
  return length;
}

std::size_t drop_body(char* /*buffer*/, std::size_t size, std::size_t count,
                      void* /*user*/) noexcept {
  return size * count;
}

template <class Dialogue>
int listen_in(CURL* /*handle*/, curl_infotype type, char* data, std::size_t size,
              void* user) noexcept {
  auto* dialogue = static_cast<Dialogue*>(user);
  const std::string_view text(data, size);
  if (type == CURLINFO_HEADER_OUT) dialogue->sent(text);
  if (type == CURLINFO_HEADER_IN) dialogue->received(text);
  return 0;
}

bool is_tls_failure(CURLcode code, std::string_view stage) {
  switch (code) {
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_USE_SSL_FAILED:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CERTPROBLEM:
      return true;
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_WEIRD_SERVER_REPLY:
      return stage == "STARTTLS";  // It hung up in the handshake, or went on talking in clear.
    default:
      return false;
  }
}

// Whether reply CODE at STAGE, 0 for none, judges this message, not us or the moment.
bool is_about_message(std::string_view stage, unsigned code) {
  switch (code) {
    case 421:  // The service ends.
    case 530:  // Authentication or STARTTLS is wanted (RFC 4954, 6; RFC 3207, 4),
    case 535:  // or does not do.
    case 538:
      return false;
    default:
      break;
  }
  // Our sender address is the same for all, the size is not (RFC 1870, 6.1).
  if (stage == "MAIL") return code == 452 || code == 552;
  return stage == "RCPT" || stage == "DATA" || stage == "message";
}

// Whether REPLY says that we may not send to this recipient (RFC 3463, 3.8), such as "554 5.7.1
// Relay access denied": that is mended on our side, or by whoever let us in before.
bool is_unauthorised(std::string_view stage, std::string_view reply) {
  constexpr std::string_view status = "5.7.";
  return stage == "RCPT" && reply.size() > 4 && reply.substr(4).starts_with(status);
}

// Whether STAGE comes when AUTH was possible.
bool is_behind_auth(std::string_view stage) {
  constexpr auto stages =
      std::to_array<std::string_view>({"MAIL", "RCPT", "DATA", "message", "NOOP"});
  return std::find(stages.begin(), stages.end(), stage) != stages.end();
}

// Where OpenSSL keeps the flag that note_request() sets; libcurl has numbers of its own.
int flag_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

// The server asks for a certificate, and we have none (0).
int note_request(SSL* ssl, X509** /*certificate*/, EVP_PKEY** /*key*/) noexcept {
  *static_cast<bool*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), flag_index())) = true;
  return 0;
}

// For each new connection, before its handshake.
CURLcode listen_for_request(CURL* /*handle*/, void* context, void* user) noexcept {
  *static_cast<bool*>(user) = false;
  auto* ssl = static_cast<SSL_CTX*>(context);
  if (SSL_CTX_set_ex_data(ssl, flag_index(), user) == 1)
    SSL_CTX_set_client_cert_cb(ssl, &note_request);
  return CURLE_OK;
}

long in_milliseconds(std::chrono::milliseconds duration) {
  return static_cast<long>(std::max<std::int64_t>(1, duration.count()));
}

}  // namespace

SmtpSender::SmtpSender(std::string url, std::string mail_from, SmtpSecurity security,
                       SmtpTimeouts timeouts)
    : url_(std::move(url)),
      mail_from_(std::move(mail_from)),
      security_(std::move(security)),
      timeouts_(timeouts),
      handle_(curl_easy_init()) {
  if (!handle_) throw std::bad_alloc();
}

void SmtpSender::set_security(Tls tls) {
  CURL* curl = handle_.get();
  const bool may = security_.level == SmtpTlsLevel::may;
  const auto use = may ? CURLUSESSL_TRY : CURLUSESSL_ALL;
  curl_easy_setopt(curl, CURLOPT_USE_SSL,
                   static_cast<long>(tls == Tls::none ? CURLUSESSL_NONE : use));
  const bool verify = security_.level == SmtpTlsLevel::verify;
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
  const auto set_if = [curl](CURLoption option, const std::string& value) {
    if (!value.empty()) curl_easy_setopt(curl, option, value.c_str());
  };
  set_if(CURLOPT_CAINFO, security_.ca_file);
  set_if(CURLOPT_SSLCERT, security_.cert_file);
  if (security_.cert_file.empty()) {
    curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, &listen_for_request);
    curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, asked_for_certificate_.get());
  }
  set_if(CURLOPT_SSLKEY, security_.key_file);
  set_if(CURLOPT_USERNAME, security_.user);
  set_if(CURLOPT_PASSWORD, security_.password);
}

void SmtpSender::set_connection(Tls tls, bool fresh, Dialogue& dialogue) {
  CURL* curl = handle_.get();
  curl_easy_reset(curl);  // Keeps connections.
  curl_easy_setopt(curl, CURLOPT_URL, url_.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp");
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  set_security(tls);
  curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &drop_body);
  curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L);
  curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, &listen_in<Dialogue>);
  curl_easy_setopt(curl, CURLOPT_DEBUGDATA, &dialogue);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, dialogue.error.data());
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, in_milliseconds(timeouts_.connect));
  const long reply_seconds = timeouts_.reply.count();
  curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, reply_seconds);
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(dialogue.deadline -
                                                                 std::chrono::steady_clock::now());
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, in_milliseconds(left));
}

void SmtpSender::set_message(const OutgoingMail& mail, Dialogue& dialogue) {
  CURL* curl = handle_.get();
  recipients_ = append(nullptr, "<" + mail.recipient + ">");
  const std::string& sender = mail.sender.empty() ? mail_from_ : mail.sender;
  curl_easy_setopt(curl, CURLOPT_MAIL_FROM, ("<" + sender + ">").c_str());
  curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients_.get());
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, &read_message<Dialogue>);
  curl_easy_setopt(curl, CURLOPT_READDATA, &dialogue);
  curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(mail.message.size()));
  dialogue.message = mail.message;
  dialogue.wants_smtputf8 = !policy::is_ascii(mail.recipient);
}

CURLcode SmtpSender::attempt(const OutgoingMail* mail, Tls tls, bool fresh, Dialogue& dialogue) {
  const auto deadline = dialogue.deadline;
  dialogue = Dialogue{};
  dialogue.start_stage("greeting");
  dialogue.deadline = deadline;
  set_connection(tls, fresh, dialogue);
  dialogue.wants_auth = !security_.user.empty();
  dialogue.says_auth = is_authenticated_;
  if (mail != nullptr) {
    set_message(*mail, dialogue);
  } else {
    curl_easy_setopt(handle_.get(), CURLOPT_CUSTOMREQUEST, "NOOP");
    curl_easy_setopt(handle_.get(), CURLOPT_NOBODY, 1L);
  }
  const CURLcode code = curl_easy_perform(handle_.get());
  // The handle must not point to what goes out of scope.
  curl_easy_setopt(handle_.get(), CURLOPT_ERRORBUFFER, nullptr);
  curl_easy_setopt(handle_.get(), CURLOPT_DEBUGDATA, nullptr);
  curl_easy_setopt(handle_.get(), CURLOPT_VERBOSE, 0L);
  offers_smtputf8_ = dialogue.offers_smtputf8.value_or(offers_smtputf8_);
  is_authenticated_ = dialogue.says_auth;
  return code;
}

CURLcode SmtpSender::perform(const OutgoingMail* mail, Dialogue& dialogue) {
  const auto tls = tls_fails_ ? Tls::none : Tls::as_configured;
  CURLcode code = attempt(mail, tls, false, dialogue);
  long connects = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_NUM_CONNECTS, &connects);

  // A kept connection that the server has closed, or closes with 421, says nothing.
  const bool stale = code != CURLE_OK && connects == 0 && dialogue.stage != "message" &&
                     (dialogue.code() == 0 || dialogue.code() == 421) &&
                     code != CURLE_OPERATION_TIMEDOUT;
  if (stale) code = attempt(mail, tls, true, dialogue);
  if (tls == Tls::as_configured && security_.level == SmtpTlsLevel::may &&
      is_tls_failure(code, dialogue.stage)) {
    tls_fails_ = true;
    code = attempt(mail, Tls::none, true, dialogue);
  }
  return code;
}

DeliveryOutcome SmtpSender::send(const OutgoingMail& mail) {
  if (!is_envelope_address(mail.recipient)) {
    return permanent_outcome("unusable recipient " + mail.recipient);
  }
  Dialogue dialogue;
  dialogue.deadline = std::chrono::steady_clock::now() + timeouts_.total;
  if (!policy::is_ascii(mail.recipient)) {
    DeliveryOutcome greeted = greet();
    if (!greeted.delivered()) return greeted;
    if (!offers_smtputf8_) {
      return permanent_outcome(url_ +
                               " does not offer SMTPUTF8 (RFC 6531), which the local part "
                               "of this address needs");
    }
  }
  return judge(perform(&mail, dialogue), dialogue);
}

DeliveryOutcome SmtpSender::greet() {
  Dialogue dialogue;
  dialogue.deadline = std::chrono::steady_clock::now() + timeouts_.total;
  const CURLcode code = perform(nullptr, dialogue);
  // Whatever it says to NOOP, it has let us in.
  const bool is_in = code == CURLE_OK || (dialogue.stage == "NOOP" && dialogue.code() > 0);
  return judge(is_in ? CURLE_OK : code, dialogue);
}

DeliveryOutcome SmtpSender::judge(CURLcode code, const Dialogue& dialogue) const {
  if (lacks_authentication() && is_behind_auth(dialogue.stage)) {
    return host_failure(url_ + " offers no AUTH that we know, which smtp_user asks for");
  }
  if (code == CURLE_OK) return delivered_outcome();
  if (dialogue.code() < 400 || dialogue.code() > 599 || code == CURLE_OPERATION_TIMEDOUT) {
    std::string detail = dialogue.error.data();
    if (detail.empty()) detail = curl_easy_strerror(code);
    if (*asked_for_certificate_) {
      detail +=
          ": the server asked for a certificate of ours, and there is none: set "
          "smtp_tls_cert_file and smtp_tls_key_file";
    }
    const std::string text = url_ + ": " + detail + " (" + dialogue.stage + ")";
    return is_about_message(dialogue.stage, 0) ? temporary_outcome(text) : host_failure(text);
  }
  const std::string text = dialogue.reply + " (" + dialogue.stage + ")";
  if (!is_about_message(dialogue.stage, dialogue.code())) return host_failure(text);
  if (dialogue.code() < 500 || is_unauthorised(dialogue.stage, dialogue.reply)) {
    return temporary_outcome(text);
  }
  DeliveryOutcome refused = permanent_outcome(text);
  refused.too_large = is_too_large_reply(dialogue.reply);
  return refused;
}

}  // namespace tlsrpt::reporter
