#include "reporter/deliver/directory_sender.h"

#include "reporter/deliver/disk_file.h"

namespace tlsrpt::reporter {

DeliveryOutcome DirectorySender::send(const OutgoingMail& mail) {
  const policy::Status written = write_file_durably(directory_, mail.disk_name, mail.message);
  if (!written.ok()) return host_failure(written.error().message());
  return delivered_outcome();
}

}  // namespace tlsrpt::reporter
