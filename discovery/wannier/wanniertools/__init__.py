"""WannierTools in and out: one plan, the `wt.in` written from it, and parsers for what wt.x leaves behind."""
