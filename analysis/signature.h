/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An operation's signature, as clients write it, taken apart: "modifiers return
 * pkg.Class.operation(parameters)" from Java (Kieker's ClassOperationSignaturePair), a bare name
 * from Python, "int main (int argc, char** argv)" or an address from C.
 */
#ifndef KIEKER_ANALYSIS_SIGNATURE_H
#define KIEKER_ANALYSIS_SIGNATURE_H

#include <stddef.h>

struct signature {
    const char *operation, *component; /* into the texts that were given */
    size_t operation_length, component_length;
};

/* The component is the class signature, or if that is empty the class part of the signature. */
void signature_parse(const char *text, size_t length, const char *class_text, size_t class_length,
    struct signature *parsed);

/* Whether both name one operation, whatever class is said to declare it: modifiers, return type,
 * name and parameters are the same, blanks aside. */
int signature_is_alike(const char *a, size_t a_length, const char *b, size_t b_length);

#endif
