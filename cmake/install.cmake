# filled by the packaging slice
