"""Drivers that can freeze or take down their process live in a helper process: `process` is the parent's end of it,
`reports` what the helper says. This file is imported by helpers too and so must stay light."""
