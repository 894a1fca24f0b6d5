"""
Verification: recompute all stock from the input topics and compare it with everything that was published.

This package shares no code with the fold, the engine or the agents, so that a mistake there is not repeated
here: it has its own decoding, validity rules, partitioner, fold and availability. It imports the standard
library, fastavro, confluent_kafka and redis only; a test proves it. Partition by partition it reads dead
letters and retries, then the ledger, then the inputs, then the table and availability, so that memory is bounded
by one partition's identities and SKUs. What is checked:

- every input record ends as exactly one of: ledger row, dead letter with a reason that is true of it (and the
  original key and value), waiting in a retry topic, or forwarded to its right partition;
- every distinct event has exactly one ledger row that is not a duplicate's; rows without an event are of the agent's
  own kinds; an accepted promise was covered, a rejected order was not;
- the ledger of each SKU and location chains without a gap in on_hand, unsellable, reserved and held, changes only
  what its events may change, and ends at the table's figures;
- on_hand is the count in force and what happened after it, held the sum of the active holds after every row;
- holds go one way, end when their time has come, and are in the table of holds as the ledger says; every request
  about one has its answer, and a repeated one the same again;
- a location that a full feed was applied to is based on it, and all rows of the feed were there before;
- bundles are told by what their components are told, and what moves a bundle moves each component once;
- orders for a later day are demand until it comes; what can be promised for each day follows from the future;
- versions only rise in the table's and in each channel's log;
- table, availability topics and Redis view equal the recomputation.

An event is its identity (source_id, event_id) within its partition, for as long as the inputs are kept; so a
source that sends an event again after the deduplication window has passed shows up as applied twice.
"""
