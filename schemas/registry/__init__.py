"""
Embedded schema registry: the repository's schemas under their fixed ids, through Confluent's read API.

Any Confluent-compatible client or Kafka UI decodes every topic knowing only its URL (design D6). It is
read-only: a new schema comes with a release. Registering a schema that is there already answers its id, so
that serialisers that always register work too; anything else that would change something is refused with
Confluent's code for a registry in read-only mode.
"""
