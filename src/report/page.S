/* The files of page/, each between two names; REPORT_PAGE is their folder (cmake/Modules.cmake). */
    .macro embed name, file
    .globl verbatim_\name\()_begin, verbatim_\name\()_end
    .hidden verbatim_\name\()_begin, verbatim_\name\()_end
verbatim_\name\()_begin:
    .incbin \file
verbatim_\name\()_end:
    .endm

    .section .rodata.report_page, "a", %progbits
    embed report_html, REPORT_PAGE "/report.html"
    embed report_css, REPORT_PAGE "/report.css"
    embed report_js, REPORT_PAGE "/report.js"

    .section .note.GNU-stack, "", %progbits
