/* What the page asks to be a workbench: what runs here, and which rooms there are. It answers below
 * /.toni/ of listen.http, where the page is served, and tells more than names and paths only to
 * those whom `workbench` of gateways.conf lets look. */
#ifndef HTTP_WORKBENCH_H
#define HTTP_WORKBENCH_H

#include "http/server.h"

#include <toni/http.h>

/** Answers a request, if its path is one of the workbench's:
 *
 *     /.toni/host.json                           see host_json.h; for strangers, too
 *     /.toni/rooms.json?gateway=NAME&cursor=     see workbench_json.h
 *     /.toni/members.json?gateway=NAME&room=ROOM&cursor=
 *
 * @param server  One without a page has no workbench.
 * @return Whether it is answered. @thread The connection's. */
bool http_workbench_answer(const struct http_server *server, toni_exchange *exchange);

#endif
