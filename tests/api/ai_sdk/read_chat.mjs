// Sends messages to POST /api/chat with the AI SDK's own transport and prints the assistant message that its own
// reader makes of each stream: node read_chat.mjs ADDRESS TEXT…
import { DefaultChatTransport, readUIMessageStream } from "ai";

const [address, ...texts] = process.argv.slice(2);
const transport = new DefaultChatTransport({ api: `${address}/api/chat`, body: { sessionId: "sdk" } });
const messages = [];
for (const [n, text] of texts.entries()) {
  messages.push({ id: `u${n}`, role: "user", parts: [{ type: "text", text }] });
  const stream = await transport.sendMessages({
    trigger: "submit-message",
    chatId: "c1",
    messages,
    abortSignal: undefined,
  });
  const errors = [];
  let last;
  for await (const message of readUIMessageStream({ stream, onError: (error) => errors.push(String(error)) })) {
    last = message;
  }
  messages.push(last);
  console.log(JSON.stringify({ message: last, errors }));
}
