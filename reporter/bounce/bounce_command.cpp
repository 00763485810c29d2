#include "reporter/bounce/bounce_command.h"

#include <algorithm>
#include <array>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policy/isolate.h"
#include "policy/text.h"
#include "reporter/bounce/bounce_judge.h"
#include "reporter/bounce/bounce_maildir.h"
#include "reporter/command/command_error.h"
#include "reporter/flush/told_today.h"

namespace tlsrpt::reporter {
namespace {

using policy::Errc;
using policy::Error;
using policy::Result;

// Reads INPUT to its end, or the mail system would see a broken pipe, but keeps no more than is
// looked at.
std::string read_all(std::istream& input) {
  std::string message;
  std::array<char, 65536> buffer{};
  while (input.read(buffer.data(), buffer.size()) || input.gcount() > 0) {
    const auto got = static_cast<std::size_t>(input.gcount());
    message.append(buffer.data(), std::min(got, max_bounce_size - message.size()));
  }
  return message;
}

std::string told(const TakenBounce& taken) {
  switch (taken.effect) {
    case BounceEffect::other_mail:
    case BounceEffect::not_ours:
      return "bounce: " + taken.text;
    case BounceEffect::none:
      return "bounce: nothing new: " + taken.text;
    case BounceEffect::noted:
      return "bounce: failed: " + taken.text;
    case BounceEffect::smallest:
      return "bounce: sent again in the smallest form: " + taken.text;
    case BounceEffect::suppressed:
      return "bounce: suppressed: " + taken.text;
  }
  return "";
}

// The store, if there is one: a bounce is about what a flush wrote there. Where a store is absent,
// a disk is not mounted or an option is wrong, and what is made anew would know no delivery.
Result<std::unique_ptr<Store>> open_existing(const Settings& settings) {
  const StoreLimits limits{settings.max_facts, settings.max_domains};
  const auto found = open_store(settings.store, StoreAccess::read_only, limits);
  if (!found.ok() && found.error().code() == Errc::not_found) return found.error();
  return open_store(settings.store, StoreAccess::reporter, limits);
}

// What a person who wrote is told. Not to write where that letter came from.
std::string refusal(const Settings& settings, std::string_view message) {
  std::vector<std::string> taken = addresses_of(message);
  taken.push_back(settings.mail_from);
  const std::string contact = policy::to_lower(settings.contact_info);
  const bool is_taken = std::any_of(taken.begin(), taken.end(), [&](const std::string& each) {
    return policy::to_lower(each) == contact;
  });
  std::string text = "this address takes delivery status notifications only";
  if (!is_taken) text += "; please write to " + settings.contact_info;
  return text;
}

int take_one(const CommandContext& context, std::istream& input) {
  const std::string message = read_all(input);
  const auto store = open_existing(context.settings);
  if (!store.ok()) {
    fail_command(context, store.error());
    return exit_temporary;
  }
  const auto taken = take_bounce(**store, context.settings, context.clock.now(), message);
  if (!taken.ok()) {
    fail_command(context, taken.error());
    return exit_temporary;
  }
  if (taken->effect == BounceEffect::other_mail) {
    context.err << refusal(context.settings, message) << '\n';
    return exit_data;
  }
  if (context.line.verbose) context.err << told(*taken) << '\n';
  return exit_ok;
}

}  // namespace

int run_bounce(const CommandContext& context) { return run_bounce(context, std::cin); }

int run_bounce(const CommandContext& context, std::istream& input) {
  try {
    return take_one(context, input);
  } catch (const std::exception& bug) {
    (void)fail_command(context,
                       Error(Errc::internal, std::string("internal error: ") + bug.what()));
    return exit_temporary;
  }
}

void take_bounces(Store& store, const Settings& settings, policy::UtcSeconds now, FlushLog& log) {
  if (settings.bounce_maildir.empty()) return;
  const auto taken =
      take_maildir(settings.bounce_maildir, [&](std::string_view message) -> Result<bool> {
        const auto one =
            policy::isolate([&] { return take_bounce(store, settings, now, message); });
        if (!one.ok() && one.error().code() != Errc::internal) return one.error();
        if (!one.ok()) {
          log.warn("bounce_maildir: " + policy::escape_untrusted(one.error().message()));
          return false;
        }
        log.detail(told(*one));
        return one->effect != BounceEffect::other_mail && one->effect != BounceEffect::not_ours;
      });
  if (taken.ok()) return;
  const std::string text = "bounce_maildir: " + taken.error().message();
  if (is_news(store, text, now)) log.warn(policy::escape_untrusted(text));
}

}  // namespace tlsrpt::reporter
