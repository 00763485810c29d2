// Whether Postfix's own user can connect to the milter's socket.
//
// Its services may be chrooted to the queue directory, and have the groups of that user: the
// primary one and, as Postfix calls initgroups(3), the supplementary ones.
#pragma once

#include <string>

#include "reporter/check/check_facts.h"

namespace tlsrpt::reporter {

struct PostfixView {
  std::string user;  // mail_owner
  std::string queue_directory;
  bool is_chrooted = false;
};

// What keeps services with VIEW from the socket at PATH, as everybody else calls it. For root it is
// tried, in a process that becomes that user; else file modes decide, whose ACLs are not seen. That
// nobody listens is no obstacle. REQUIRES: no other threads.
MilterReach reach_socket(const std::string& path, const PostfixView& view);

// The name of the primary group of USER; empty: there is none.
std::string primary_group(const std::string& user);

// The first folder on the way to PATH that we, the effective user, may not pass through; empty:
// none.
std::string closed_folder(const std::string& path);

}  // namespace tlsrpt::reporter
