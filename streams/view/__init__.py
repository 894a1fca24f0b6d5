"""
The read view: the latest stock level and availability of every SKU in Redis, for queries (design D9).

A *generation* is one complete projection of the topics. Redis keys:

| key | type | what |
|---|---|---|
| `onhand:view` | hash | `generation` that is served; `building` and `progress` (per cent) while one is made |
| `onhand:view:GENERATION:positions` | hash | `TOPIC:PARTITION` → next offset to read; `cluster`, `topics` |
| `onhand:view:GENERATION:TOPIC` | hash | SKU → `VERSION JSON`: stock-levels and each availability-CHANNEL |

Guarantees:
- A batch of records and the positions behind it are written by one server-side script, which refuses when the
  stored positions are not those that the batch follows. So whatever state Redis comes back with (emptied,
  or an older snapshot), the projector goes on from exactly there: nothing lost, nothing applied twice.
- Within that, a record replaces another only with a higher version.
- A generation is served only once it is complete: a rebuild is made beside the one that is served and takes
  its place in one step. While none is served, readers are told so instead of getting half a view.
"""
