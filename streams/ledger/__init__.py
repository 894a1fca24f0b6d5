"""Questions to the ledger: every change of a SKU's figures, event by event, and whether the balances chain."""
