/* The same for blocks in C++, behind the whole plugin that the page shows. */
#include "visits.h"

static constexpr visits_table table = {sizeof table, nullptr};
constexpr toni_option most = TONI_OPTION_INT("most", 1, 100, 10, "messages of one client");
