/* The same for blocks of tests. */
#include "visits.h"

#include <stdlib.h>
#include <toni_fake_node.h>
#include <toni_real_host.h>
#include <toni_testkit.h>
#include <unistd.h>

#define TONI_PLUGIN_FILE "plugin.so"

extern toni_fake_host host, next;
extern toni_fake_client client, anna, berta;
extern toni_fake_exchange exchange;
