/* The bytes of models/storyteller/storyteller.gguf between two names; STORYTELLER is its path (cmake/Modules.cmake). */
    .section .rodata.storyteller, "a", %progbits
    .balign 64
    .globl verbatim_storyteller_begin
    .hidden verbatim_storyteller_begin
verbatim_storyteller_begin:
    .incbin STORYTELLER
    .globl verbatim_storyteller_end
    .hidden verbatim_storyteller_end
verbatim_storyteller_end:

    .section .note.GNU-stack, "", %progbits
