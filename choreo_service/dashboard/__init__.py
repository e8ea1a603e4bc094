"""Our packets for programs outside Python: a JSON Schema and TypeScript types, generated from `packets`."""
