/* `toni run`: the life of the host, from its configuration to its end. */
#ifndef HOST_RUN_H
#define HOST_RUN_H

/* Exit codes of the program. */
enum exit_code {
    EXIT_CLEAN = 0,
    EXIT_FAULT = 1, /* something failed while running */
    EXIT_USAGE = 2, /* a bad command line or configuration */
};

/** Runs the host until a signal stops it. @return The program's exit code. */
enum exit_code host_run(const char *config_path);

#endif
