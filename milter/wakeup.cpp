#include "milter/wakeup.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <system_error>

namespace tlsrpt::milter {

policy::Result<Wakeup> Wakeup::make() {
  policy::UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.valid()) {
    const int code = errno;
    return policy::Error(policy::Errc::io, "eventfd: " + std::generic_category().message(code));
  }
  return Wakeup(std::move(event));
}

// It can only fail where the counter is full, and then it has been rung often enough.
void Wakeup::ring() const noexcept {
  const int saved = errno;  // A signal handler must not change it.
  const std::uint64_t one = 1;
  (void)!::write(event_.get(), &one, sizeof(one));
  errno = saved;
}

void Wakeup::take() const noexcept {
  std::uint64_t rings = 0;
  (void)!::read(event_.get(), &rings, sizeof(rings));
}

}  // namespace tlsrpt::milter
