// How many files and connections the daemon may have open.
#pragma once

namespace tlsrpt::milter {

// Raises the soft limit to the hard one, but to no more than some ten thousands. Each connection of
// Postfix is an open file, and libmilter gives up for good once it was refused one too often, while
// shells and init scripts mostly leave programs 1,024. Where it cannot be raised it stays as it is.
void raise_file_limit();

}  // namespace tlsrpt::milter
