/* Which call of a plugin a thread is in; see call.h. */
#include "plugin/call.h"

_Thread_local const struct plugin_call *plugin_call_now;
_Thread_local struct plugin_call_board *plugin_call_board;
_Thread_local int plugin_call_worker = -1;
void (*plugin_call_on_thread_end)(void);
