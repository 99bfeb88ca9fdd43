/* The files of page/, each between two names; they are found on the include path, which starts at src/. */
    .macro embed name, files:vararg
    .globl verbatim_\name\()_begin, verbatim_\name\()_end
    .hidden verbatim_\name\()_begin, verbatim_\name\()_end
verbatim_\name\()_begin:
    .irp file, \files
    .incbin "report/page/\file"
    .endr
verbatim_\name\()_end:
    .endm

    .section .rodata.report_page, "a", %progbits
    embed report_html, report.html
    embed report_css, report.css
    embed report_js, text.js, tip.js, chart.js, lanes.js, tree.js, report.js

    .section .note.GNU-stack, "", %progbits
