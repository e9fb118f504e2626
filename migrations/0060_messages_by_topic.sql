-- What a message tells of, as the row that it was made of says: those of a topic are found without a look at all others.
alter table messages add column topic text;

update messages set topic = (select o.topic from outbox o where o.id = messages.outbox_id);

create index messages_by_topic on messages (topic, id);

create trigger messages_named after insert on messages
begin
    update messages set topic = (select o.topic from outbox o where o.id = new.outbox_id) where id = new.id;
end;
