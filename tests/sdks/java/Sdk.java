import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import io.cloudevents.CloudEvent;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.http.HttpMessageFactory;
import io.cloudevents.jackson.JsonFormat;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The official SDK: `publish URL SOURCE` sends its events in every mode, `check SOURCE` compares what stdin has of
 * them.
 *
 * <p>In binary mode the SDK gives attributes as they are, without the percent-encoding of the HTTP binding (3.1.3.2),
 * and Java's client refuses what is not Latin-1. Mode "binary" is as the SDK has it, in "encoded" the caller encodes.
 */
public final class Sdk {
  private static final List<String> MODES = List.of("binary", "encoded", "structured", "batch");
  private static final String JSON = "application/json";
  private static final String BATCH = "application/cloudevents-batch+json";
  private static final Map<String, String[]> CONTENTS = new LinkedHashMap<>();

  static {
    CONTENTS.put("object", new String[] {JSON, "{\"total\":12.5,\"note\":\"ü \\\"50 %\\\" 🦀\",\"nothing\":null}"});
    CONTENTS.put("list", new String[] {JSON, "[1,null,\"a b\"]"});
    CONTENTS.put("number", new String[] {JSON, "42"});
    CONTENTS.put("null", new String[] {JSON, "null"});
    CONTENTS.put("text", new String[] {"text/plain", "olá %41 \"mundo\""});
    CONTENTS.put("bytes", new String[] {"application/octet-stream", null});
  }

  private static final ObjectMapper MAPPER = new ObjectMapper();
  private static final JsonFormat FORMAT = new JsonFormat();
  private static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  public static void main(String[] arguments) throws Exception {
    switch (arguments[0]) {
      case "publish" -> publish(arguments[1], arguments[2]);
      case "check" -> check(arguments[1]);
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  private static CloudEvent event(String source, String mode, String kind) throws IOException {
    String[] content = CONTENTS.get(kind);
    byte[] data = content[1] == null ? new byte[] {0, (byte) 255, 1} : content[1].getBytes(StandardCharsets.UTF_8);
    boolean isAscii = mode.equals("binary");
    return CloudEventBuilder.v1()
        .withId(mode + "-" + kind + (isAscii ? " 50% \"e\"" : " 50% \"é\""))
        .withSource(URI.create(source))
        .withType("order placed")
        .withSubject(isAscii ? "\"50 %\" of \"all\", %41" : "olá \"50 %\" %41 🦀")
        .withTime(OffsetDateTime.parse("2026-11-23T15:24:00.123456Z"))
        .withExtension("tenant", isAscii ? "e/1 %" : "é/1 %")
        .withExtension("count", 7)
        .withExtension("flag", true)
        .withData(content[0], data)
        .build();
  }

  private static List<CloudEvent> events(String source, String mode) throws IOException {
    List<CloudEvent> all = new ArrayList<>();
    for (String kind : CONTENTS.keySet()) all.add(event(source, mode, kind));
    return all;
  }

  private static void publish(String url, String source) throws Exception {
    for (String mode : List.of("binary", "encoded")) {
      for (CloudEvent each : events(source, mode)) {
        Message message = new Message();
        HttpMessageFactory.createWriter(message.headers::put, message::body).writeBinary(each);
        if (mode.equals("encoded")) message.headers.replaceAll(Sdk::encoded);
        send(url, message);
      }
    }
    for (CloudEvent each : events(source, "structured")) {
      Message message = new Message();
      HttpMessageFactory.createWriter(message.headers::put, message::body).writeStructured(each, FORMAT);
      send(url, message);
    }
    // The SDK has no batches: one is the structured events in an array.
    ByteArrayOutputStream batch = new ByteArrayOutputStream();
    for (CloudEvent each : events(source, "batch")) {
      batch.write(batch.size() == 0 ? '[' : ',');
      batch.write(FORMAT.serialize(each));
    }
    batch.write(']');
    Message message = new Message();
    message.headers.put("content-type", BATCH);
    message.body(batch.toByteArray());
    send(url, message);
  }

  private static String encoded(String name, String value) {
    boolean isAttribute = name.toLowerCase(Locale.ROOT).startsWith("ce-");
    return isAttribute ? URLEncoder.encode(value, StandardCharsets.UTF_8).replace("+", "%20") : value;
  }

  private static void send(String url, Message message) throws Exception {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + "/events"));
    message.headers.forEach(request::header);
    HttpResponse<String> answer =
        CLIENT.send(
            request.POST(HttpRequest.BodyPublishers.ofByteArray(message.content)).build(),
            HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() != 202) {
      throw new AssertionError(message.headers + " " + answer.statusCode() + " " + answer.body());
    }
  }

  private static void check(String source) throws Exception {
    Map<String, CloudEvent> found = new HashMap<>();
    for (JsonNode each : (ArrayNode) MAPPER.readTree(System.in)) {
      CloudEvent back = FORMAT.deserialize(MAPPER.writeValueAsBytes(each));
      found.put(back.getId(), back);
    }
    for (String mode : MODES) {
      boolean isBinary = List.of("binary", "encoded").contains(mode);
      for (CloudEvent sent : events(source, mode)) {
        CloudEvent back = found.get(sent.getId());
        if (back == null) throw new AssertionError(sent.getId() + " is missing");
        for (String name : sent.getAttributeNames()) {
          same(sent.getId(), name, expected(mode, sent.getAttribute(name)), back.getAttribute(name));
        }
        same(sent.getId(), "extensions", sent.getExtensionNames(), back.getExtensionNames());
        for (String name : sent.getExtensionNames()) {
          Object extension = sent.getExtension(name);
          // An attribute of binary mode is a string: CloudEvents over HTTP has no other type.
          Object expected = isBinary ? extension.toString() : extension;
          same(sent.getId(), name, expected, back.getExtension(name));
        }
        same(sent.getId(), "data", data(sent), data(back));
      }
    }
    same(source, "events", MODES.size() * CONTENTS.size(), found.size());
  }

  /** An attribute that the SDK has not encoded is decoded all the same. */
  private static Object expected(String mode, Object attribute) {
    return mode.equals("binary") && attribute instanceof String text ? text.replace("%41", "A") : attribute;
  }

  /** JSON as its value, else the bytes. */
  private static Object data(CloudEvent event) throws IOException {
    byte[] bytes = event.getData() == null ? "null".getBytes(StandardCharsets.UTF_8) : event.getData().toBytes();
    return JSON.equals(event.getDataContentType()) ? MAPPER.readTree(bytes) : List.of(new String(bytes, StandardCharsets.ISO_8859_1));
  }

  private static void same(String id, String name, Object sent, Object back) {
    if (!sent.equals(back)) throw new AssertionError(id + ": " + name + " " + sent + " was sent, " + back + " is stored");
  }

  /** What the SDK writes of an event. */
  private static final class Message {
    final Map<String, String> headers = new LinkedHashMap<>();
    byte[] content = new byte[0];

    void body(byte[] body) {
      content = body == null ? new byte[0] : body;
    }
  }
}
