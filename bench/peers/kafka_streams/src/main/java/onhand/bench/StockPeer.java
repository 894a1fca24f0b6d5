package onhand.bench;

import java.util.ArrayList;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.Stores;

/**
 * The common work in Kafka Streams, as its documentation has it: group by key, aggregate into a store, stream the
 * aggregate out. Every setting is Kafka Streams' own default unless it stands here.
 */
public final class StockPeer {
    private static final Map<String, String> ENVIRONMENT = System.getenv();

    private StockPeer() {}

    public static void main(String[] arguments) throws InterruptedException {
        KafkaStreams streams = new KafkaStreams(topology(), settings());
        CountDownLatch ended = new CountDownLatch(1);
        AtomicInteger exitCode = new AtomicInteger();
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.ERROR) {
                exitCode.set(1); // The supervisor starts the process again.
                ended.countDown();
            }
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close();
            ended.countDown();
        }));
        streams.start();
        ended.await();
        Runtime.getRuntime().halt(exitCode.get());
    }

    private static Topology topology() {
        Serde<Event> events = AvroSerde.of(Event.getClassSchema());
        Serde<State> states = AvroSerde.of(State.getClassSchema());
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(ENVIRONMENT.get("PEER_INPUT"), Consumed.with(Serdes.String(), events))
            .groupByKey()
            .aggregate(
                StockPeer::nothing,
                StockPeer::add,
                Materialized.<String, State>as(store()).withKeySerde(Serdes.String()).withValueSerde(states))
            .toStream()
            .to(ENVIRONMENT.get("PEER_OUTPUT"), Produced.with(Serdes.String(), states));
        return builder.build();
    }

    private static KeyValueBytesStoreSupplier store() {
        return "memory".equals(ENVIRONMENT.get("PEER_STORE"))
            ? Stores.inMemoryKeyValueStore("stock")
            : Stores.persistentKeyValueStore("stock");
    }

    private static State nothing() {
        return new State("", 0L, new ArrayList<>(), 0L);
    }

    private static State add(String sku, Event event, State state) {
        state.setSku(sku);
        state.setVersion(state.getVersion() + 1);
        state.setUpdatedAt(event.getTimestamp());
        for (LocationQuantity held : state.getLocations()) {
            if (held.getLocation().equals(event.getLocation())) {
                held.setQuantity(held.getQuantity() + event.getQuantity());
                return state;
            }
        }
        state.getLocations().add(new LocationQuantity(event.getLocation(), event.getQuantity()));
        return state;
    }

    private static Properties settings() {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, ENVIRONMENT.get("PEER_GROUP"));
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, ENVIRONMENT.get("PEER_BOOTSTRAP_SERVERS"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, ENVIRONMENT.get("PEER_STATE_DIR"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        settings.put(
            StreamsConfig.consumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG),
            ENVIRONMENT.get("PEER_SESSION_MS"));
        return settings;
    }
}
