/* The text of gateways.conf with all that it includes in one piece, and where each line of it came
 * from. So libconfig opens no file: its scanner ends the process at a folder, waits for a FIFO, and
 * has no bound. What it would take otherwise than it is written, numbers, is a fault here. */
#ifndef CONFIG_TEXT_H
#define CONFIG_TEXT_H

#include "base/buffer.h"
#include "config/fault.h"

#include <stdbool.h>
#include <stddef.h>

/* How deep files may include each other, and how many `@include` there may be in all. */
#define CONFIG_INCLUDE_DEPTH 10
#define CONFIG_INCLUDES_MAX 1000

struct config_text_part;

/** Read @p text freely: it ends with a NUL, which its length does not count. */
struct config_text {
    struct buffer text;
    struct config_text_part *parts; /* by first line, the first part first */
    size_t part_count;
    char **files; /* names that parts refer to; with a folder only if found so */
    size_t file_count;
};

/** Reads a file and what it includes.
 * @param path    Of the file, as messages shall name it.
 * @param folder  What `@include` is relative to, in every file.
 * @param faults  Gets all that is wrong: missing, no regular file, too large, including itself,
 *                numbers that don't fit, groups that are too large.
 * @return Whether there is a text to parse; faults may have been added all the same. Either way
 *         config_text_finish() must follow. */
bool config_text_read(struct config_text *text, const char *path, const char *folder,
                      struct fault_list *faults);

void config_text_finish(struct config_text *text);

/** Where a line of the text came from.
 * @param line  From 1; 0 is the first file as a whole.
 * @return Its file is the text's. */
struct value_place config_text_place(const struct config_text *text, unsigned line);

#endif
