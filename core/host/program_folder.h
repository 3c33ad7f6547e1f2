/* Where what came with this program is: relative to itself, in a build folder as below an install
 * prefix, wherever that was moved to. */
#ifndef HOST_PROGRAM_FOLDER_H
#define HOST_PROGRAM_FOLDER_H

/** @param relative  To the folder of the program.
 * @return Allocated; NULL on no memory. A folder that isn't there is named as it was looked for. */
char *program_folder(const char *relative);

#endif
