// A milter that asks for nothing and learns nothing: what any milter by libmilter costs Postfix.
//
// usage: bare_milter SOCKET
//
// Listens on the Unix socket SOCKET, says so on standard output, and runs until it is killed.
#include <libmilter/mfapi.h>
#include <sys/stat.h>

#include <array>
#include <iostream>
#include <string>

namespace {

sfsistat on_negotiate(SMFICTX* /*context*/, unsigned long /*actions*/, unsigned long offered,
                      unsigned long /*f2*/, unsigned long /*f3*/, unsigned long* actions,
                      unsigned long* steps, unsigned long* out2, unsigned long* out3) {
  *actions = 0;
  *steps = offered & (SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOMAIL | SMFIP_NORCPT | SMFIP_NODATA |
                      SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NOUNKNOWN);
  *out2 = 0;
  *out3 = 0;
  return SMFIS_CONTINUE;
}

sfsistat on_end(SMFICTX* /*context*/) { return SMFIS_CONTINUE; }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  ::umask(0);
  std::array<char, 5> name{"bare"};
  smfiDesc description{};
  description.xxfi_name = name.data();
  description.xxfi_version = SMFI_VERSION;
  description.xxfi_eom = on_end;
  description.xxfi_negotiate = on_negotiate;
  std::string place = "unix:" + std::string(argv[1]);
  if (smfi_register(description) != MI_SUCCESS || smfi_setconn(place.data()) != MI_SUCCESS ||
      smfi_opensocket(true) != MI_SUCCESS)
    return 1;
  std::cout << "listens\n" << std::flush;
  return smfi_main() == MI_SUCCESS ? 0 : 1;
}
