// The parking security's page, as it is; what it gets, a line each.
const [url] = process.argv.slice(1).filter((it) => it !== "--");
const say = (...words) => console.log(JSON.stringify(words));

const socket = new WebSocket(url.replace("http", "ws") + "/ws/alerts/");
socket.onopen = () => socket.send(JSON.stringify({ message: "hello" }));
socket.onmessage = (event) => {
  const data = JSON.parse(event.data);
  say(data.message === "hello" ? "echo" : "message", data.message);
};
socket.onclose = (event) => say("closed", event.code);
