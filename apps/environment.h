// The environment that a container's machinery makes.
#pragma once

namespace verbatim::app {

// Kubernetes tells every pod of a service called NAME where it is, in NAME_PORT=tcp://10.43.12.7:8000. Of a service
// called verbatim that is no flag of ours: says so on stderr, and goes on without it.
void leave_service_links_aside();

}  // namespace verbatim::app
