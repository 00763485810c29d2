// Whether files, folders, sockets and servers can be used: the reason why not, or an empty text.
//
// Nothing is changed and no file is made.
#pragma once

#include <string>
#include <string_view>

namespace tlsrpt::reporter {

// Why we cannot read the file PATH.
std::string reading_problem(const std::string& path);
// Why we cannot write the store at PATH, or make it where it is absent.
std::string writing_problem(const std::string& path);
// Why mail cannot be handed over to TRANSPORT, as the option mail_transport has it. A server is
// connected to, and has to greet.
std::string transport_problem(std::string_view transport);
// Why nobody at SOCKET, as the option milter_socket has it, answers as a milter that asks for no
// right to change mail: it is connected to, and has to agree on the protocol. Empty also where we
// may not connect: whether Postfix may, reach_socket() tells (postfix_user.h).
std::string milter_silence(std::string_view socket);

// Whether somebody has the datagram socket at PATH; false, too, where we may not write to it.
bool has_datagram_listener(const std::string& path);

}  // namespace tlsrpt::reporter
