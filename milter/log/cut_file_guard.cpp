#include "milter/log/cut_file_guard.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

namespace tlsrpt::milter {
namespace {

enum State : int { off, on, needed };

// Of this thread; the signal comes in the thread that reads.
thread_local std::atomic<int> state{off};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler uses it");

std::uintptr_t page_size = 0;

// Puts a page of zeros where there is no more file. Only what a signal handler may call.
void on_sigbus(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const int saved_errno = errno;
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): a page has no other name.
  void* page = reinterpret_cast<void*>(address & ~(page_size - 1));
  const bool is_mended = state != off && info->si_code == BUS_ADRERR &&
                         ::mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                                -1, 0) != MAP_FAILED;
  if (is_mended) {
    state = needed;
  } else {
    // The same read raises it again.
    struct sigaction usual {};
    usual.sa_handler = SIG_DFL;
    (void)::sigaction(SIGBUS, &usual, nullptr);
  }
  errno = saved_errno;
}

bool install() {
  page_size = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = on_sigbus;
  action.sa_flags = SA_SIGINFO;
  return ::sigaction(SIGBUS, &action, nullptr) == 0;
}

}  // namespace

CutFileGuard::CutFileGuard() {
  [[maybe_unused]] static const bool is_installed = install();
  state = on;
}

CutFileGuard::~CutFileGuard() { state = off; }

bool CutFileGuard::was_needed() const { return state == needed; }

}  // namespace tlsrpt::milter
