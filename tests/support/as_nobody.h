// AsNobody: while it lives, root is nobody, as root may do everything. Others stay who they are.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <cstdlib>

namespace tlsrpt::testing_support {

class AsNobody {
 public:
  AsNobody() : was_(::geteuid()) {
    constexpr uid_t nobody = 65534;
    if (was_ == 0 && ::seteuid(nobody) != 0) std::abort();
  }
  ~AsNobody() {
    if (was_ == 0 && ::seteuid(0) != 0) std::abort();
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  uid_t was_;
};

}  // namespace tlsrpt::testing_support
