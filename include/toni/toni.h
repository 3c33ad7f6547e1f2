/** @file
 * All of toni for plugins: this is the one to include.
 */
#ifndef TONI_H
#define TONI_H

#include <toni/abi.h>
#include <toni/certificate.h>
#include <toni/client.h>
#include <toni/cluster.h>
#include <toni/connections.h>
#include <toni/context.h>
#include <toni/engine.h>
#include <toni/error.h>
#include <toni/event_list.h>
#include <toni/figures.h>
#include <toni/format.h>
#include <toni/guard.h>
#include <toni/guard_interface.h>
#include <toni/history.h>
#include <toni/host.h>
#include <toni/http.h>
#include <toni/identity.h>
#include <toni/message.h>
#include <toni/option.h>
#include <toni/plugin.h>
#include <toni/quantity.h>
#include <toni/request.h>
#include <toni/send.h>
#include <toni/service.h>
#include <toni/state.h>
#include <toni/str.h>
#include <toni/task.h>
#include <toni/types.h>

#endif
