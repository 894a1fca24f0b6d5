"""
Verification: recompute all stock from the input topics and compare it with everything that was published.

This package shares no code with the fold, the engine or the agents, so that a mistake there is not repeated
here: it has its own decoding, validity rules, partitioner, fold and availability. It imports the standard
library, fastavro, confluent_kafka and redis only; a test proves it. Partition by partition it reads dead
letters and retries, then the ledger, then the inputs, then the table and availability, so that memory is bounded
by one partition's identities and SKUs. What is checked:

- every input record ends as exactly one of: ledger row, dead letter with a reason that is true of it (and the
  original key and value), waiting in a retry topic, or forwarded to its right partition;
- every distinct event has exactly one ledger row that is not a duplicate's; an accepted order was covered, a
  rejected one was not;
- the ledger of each SKU and location chains without a gap and ends at the table's on_hand;
- versions only rise in the table's and in each channel's log;
- table, availability topics and Redis view equal the recomputation.

An event is its identity (source_id, event_id) within its partition, for as long as the inputs are kept; so a
source that sends an event again after the deduplication window has passed shows up as applied twice.
"""
