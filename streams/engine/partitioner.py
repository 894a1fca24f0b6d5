"""Which partition a key belongs to: Kafka's murmur2, the contract of every topic keyed by SKU (design D4)."""

_SEED = 0x9747B28C
_MULTIPLIER = 0x5BD1E995
_ROTATION = 24
_MASK = 0xFFFFFFFF
_POSITIVE = 0x7FFFFFFF


def murmur2(key: bytes) -> int:
    """Return Kafka's 32-bit murmur2 of key (org.apache.kafka.common.utils.Utils.murmur2), unsigned."""
    length = len(key)
    value = (_SEED ^ length) & _MASK
    whole = length - length % 4
    for start in range(0, whole, 4):
        word = int.from_bytes(key[start : start + 4], "little") * _MULTIPLIER & _MASK
        word = (word ^ word >> _ROTATION) * _MULTIPLIER & _MASK
        value = value * _MULTIPLIER & _MASK ^ word
    if whole < length:
        value = (value ^ int.from_bytes(key[whole:], "little")) * _MULTIPLIER & _MASK
    value = (value ^ value >> 13) * _MULTIPLIER & _MASK
    return value ^ value >> 15


def partition_for(key: bytes, partitions: int) -> int:
    """Return the partition of key among partitions, as Java, aiokafka and murmur2_random clients choose it."""
    return (murmur2(key) & _POSITIVE) % partitions
