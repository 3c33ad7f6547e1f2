/* How many settings each group of a text has, counted before libconfig sees it: that compares each
 * name with all before it in its group, so 60,000 of them took it 16 seconds. Not a parser: what is
 * no syntax it counts somehow, and the parser refuses. */
#ifndef CONFIG_GROUP_SIZES_H
#define CONFIG_GROUP_SIZES_H

/* A group of 5,000 takes libconfig less than 0.1 s. */
#define CONFIG_SETTINGS_MAX 5000
#define CONFIG_GROUPS_DEEP_MAX 100

/** Zero is the beginning of a text. */
struct group_sizes {
    unsigned depth;
    unsigned settings[CONFIG_GROUPS_DEEP_MAX + 1]; /* of each group that is open */
};

/** Notes a byte that stands in no string and no comment.
 * @return NULL; or what is too much of what, for a fault. */
const char *group_sizes_note(struct group_sizes *sizes, char c);

#endif
