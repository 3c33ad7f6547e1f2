/* What a thread is in of a plugin; see call.h. */
#include "plugin/call.h"

_Thread_local const struct plugin_call *plugin_call_now;
_Thread_local int plugin_call_worker = -1;
void (*plugin_call_on_thread_end)(void);
