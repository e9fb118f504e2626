// What people would use instead: socket.io and ws on Node.js, which tell each POST to everybody.
const http = require("node:http");
const { Server } = require("socket.io");
const { WebSocketServer } = require("ws");

const websockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });

const server = http.createServer((request, response) => {
  if (request.method !== "POST") return response.end("ok");
  let body = "";
  request.on("data", (piece) => (body += piece));
  request.on("end", () => {
    const event = JSON.parse(body);
    const text = JSON.stringify({ message: event });
    for (const socket of websockets.clients) socket.send(text);
    io.emit("alert", event);
    response.end();
  });
});

const io = new Server(server, { destroyUpgrade: false, perMessageDeflate: false });

server.on("upgrade", (request, socket, head) => {
  if (!request.url.startsWith("/ws/alerts/")) return;
  websockets.handleUpgrade(request, socket, head, (websocket) => websocket.on("error", () => websocket.terminate()));
});

server.listen(Number(process.argv[2]), "127.0.0.1");
