#include "milter/mail/milter_callbacks.h"

#include <array>
#include <memory>
#include <string_view>

#include "milter/mail/mail_watch.h"
#include "policy/lock_guarded.h"

namespace tlsrpt::milter {
namespace {

// libmilter's callbacks have no place for an object of ours. It outlives them all: libmilter's
// threads are still there while the process ends, hence nothing here needs a destructor.
constinit policy::LockGuarded<MilterInbox*> open_box{nullptr};

// What the message of a connection has told so far; null: nothing, or its room could not be had.
MailWatch* watch_of(SMFICTX* context) { return static_cast<MailWatch*>(smfi_getpriv(context)); }

MailWatch* make_watch(SMFICTX* context) {
  if (MailWatch* watch = watch_of(context); watch != nullptr) return watch;
  auto watch = std::make_unique<MailWatch>();
  if (smfi_setpriv(context, watch.get()) != MI_SUCCESS) return nullptr;
  return watch.release();  // forget() takes it back.
}

void forget(SMFICTX* context) noexcept {
  const std::unique_ptr<MailWatch> watch(watch_of(context));
  smfi_setpriv(context, nullptr);
}

std::string_view text(const char* value) { return value == nullptr ? "" : value; }

// The guard. LOOK learns something and may fail; the answer is ANSWER in any case, which is
// "go on" for every step.
template <class Look>
sfsistat observe(SMFICTX* context, sfsistat answer, const Look& look) noexcept {
  try {
    look();
  } catch (...) {
    // Lack of memory: this message stays unknown, and the log has to tell of it.
    forget(context);
  }
  return answer;
}

sfsistat on_negotiate(SMFICTX* context, unsigned long /*actions*/, unsigned long offered,
                      unsigned long /*f2*/, unsigned long /*f3*/, unsigned long* actions,
                      unsigned long* steps, unsigned long* out2, unsigned long* out3) noexcept {
  bool wants_domains = false;
  observe(context, SMFIS_CONTINUE, [&] {
    const auto box = open_box.lock();
    wants_domains = *box != nullptr && (*box)->rules().wants_domains;
  });
  // What we do without, as far as the MTA knows that it can be left out. No step has a reply but
  // the end of the message, which shall not be over before we have learnt of it; where the MTA
  // must have replies, libmilter sends them.
  unsigned long without = SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NODATA | SMFIP_NOEOH |
                          SMFIP_NOBODY | SMFIP_NOUNKNOWN | SMFIP_NR_MAIL | SMFIP_NR_RCPT |
                          SMFIP_NR_HDR;
  if (!wants_domains) without |= SMFIP_NORCPT;
  *actions = 0;
  *steps = without & offered;
  *out2 = 0;
  *out3 = 0;
  if (context == nullptr) return SMFIS_CONTINUE;
  // The queue id at the end, whatever is configured; and no names of users meanwhile.
  std::array<char, 2> queue_id{'i', '\0'};
  for (const int stage : {SMFIM_ENVFROM, SMFIM_ENVRCPT, SMFIM_EOM})
    smfi_setsymlist(context, stage, queue_id.data());
  return SMFIS_CONTINUE;
}

sfsistat on_mail(SMFICTX* context, char** arguments) noexcept {
  return observe(context, SMFIS_NOREPLY, [&] {
    MailWatch* watch = make_watch(context);
    if (watch == nullptr) return;
    const auto box = open_box.lock();
    watch->begin(*box != nullptr &&
                 is_listed_sender(text(arguments[0]), (*box)->rules().report_senders));
  });
}

sfsistat on_recipient(SMFICTX* context, char** arguments) noexcept {
  return observe(context, SMFIS_NOREPLY, [&] {
    const auto domain = recipient_domain(text(arguments[0]));
    if (!domain) return;
    const auto box = open_box.lock();
    if (*box != nullptr && (*box)->rules().wants_domains) (*box)->add(*domain);
  });
}

sfsistat on_header(SMFICTX* context, char* name, char* value) noexcept {
  return observe(context, SMFIS_NOREPLY, [&] {
    if (MailWatch* watch = watch_of(context); watch != nullptr)
      watch->header(text(name), text(value));
  });
}

sfsistat on_end(SMFICTX* context) noexcept {
  return observe(context, SMFIS_CONTINUE, [&] {
    MailWatch* watch = watch_of(context);
    if (watch == nullptr) return;
    std::array<char, 2> queue_id{'i', '\0'};
    auto mail = watch->end(text(smfi_getsymval(context, queue_id.data())));
    watch->begin(false);
    if (!mail) return;
    const auto box = open_box.lock();
    if (*box != nullptr) (*box)->add(*std::move(mail));
  });
}

sfsistat on_abort(SMFICTX* context) noexcept {
  return observe(context, SMFIS_CONTINUE, [&] {
    if (MailWatch* watch = watch_of(context); watch != nullptr) watch->begin(false);
  });
}

sfsistat on_close(SMFICTX* context) noexcept {
  return observe(context, SMFIS_CONTINUE, [&] { forget(context); });
}

}  // namespace

void open_inbox(MilterInbox& inbox) { *open_box.lock() = &inbox; }

void close_inbox() { *open_box.lock() = nullptr; }

smfiDesc milter_description() {
  smfiDesc description{};
  // libmilter copies it; the structure comes from C and has no const.
  description.xxfi_name = const_cast<char*>(milter_name);
  description.xxfi_version = SMFI_VERSION;
  description.xxfi_flags = 0;
  description.xxfi_envfrom = on_mail;
  description.xxfi_envrcpt = on_recipient;
  description.xxfi_header = on_header;
  description.xxfi_eom = on_end;
  description.xxfi_abort = on_abort;
  description.xxfi_close = on_close;
  description.xxfi_negotiate = on_negotiate;
  return description;
}

}  // namespace tlsrpt::milter
