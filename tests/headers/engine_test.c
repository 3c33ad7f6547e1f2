/* A test of an engine, as its author writes it; in C and in C++. */
#include <toni_engine_suite.h>

static void load(toni_fake_host *host)
{
    toni_fake_host_load(host, "engine.so");
}

int main(void)
{
    static toni_fake_node node;
    const toni_str room = TONI_LIT("/room");
    static toni_engine_subject subject; /* C++17 has no designated initialisers */
    subject.name = "engine";
    subject.load = load;
    toni_fake_node_init(&node, 7);
    toni_fake_node_subscribe(&node, &room, 1);
    const toni_engine_publish publish = toni_fake_node_message(&node, room, TONI_LIT("x"));
    toni_fake_node_publish(&node, &publish);
    SRunner *runner = srunner_create(toni_engine_suite(&subject));
    srunner_run_all(runner, CK_ENV);
    return toni_fake_node_next(&node, TONI_TOLD_PUBLISHED)->answer;
}
