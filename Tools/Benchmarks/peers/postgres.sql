-- An event store in the manner of message-db: one table, one function that appends.

CREATE TABLE events (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text NOT NULL,
    revision bigint NOT NULL,
    id uuid NOT NULL UNIQUE,
    type text NOT NULL,
    source text NOT NULL,
    time timestamptz NOT NULL,
    tags text NOT NULL,
    data jsonb NOT NULL,
    recorded timestamptz NOT NULL DEFAULT now(),
    UNIQUE (stream, revision)
);

-- What stands before the slash; appends of one category wait for each other, so that their
-- positions are visible in order.
CREATE FUNCTION lock_category(_stream text) RETURNS void AS $$
    SELECT pg_advisory_xact_lock(hashtextextended(split_part(_stream, '/', 1), 0));
$$ LANGUAGE sql;

-- Appends one event; _expected is the stream's last revision, -1 for none, NULL for any.
CREATE FUNCTION append_event(
    _id uuid, _stream text, _type text, _source text, _time timestamptz, _tags text, _data jsonb,
    _expected bigint DEFAULT NULL
) RETURNS bigint AS $$
DECLARE
    _revision bigint;
    _position bigint;
BEGIN
    PERFORM lock_category(_stream);
    SELECT coalesce(max(revision), -1) INTO _revision FROM events WHERE stream = _stream;
    IF _expected IS NOT NULL AND _expected <> _revision THEN
        RAISE EXCEPTION 'stream % is at %, not at %', _stream, _revision, _expected;
    END IF;
    INSERT INTO events (stream, revision, id, type, source, time, tags, data)
    VALUES (_stream, _revision + 1, _id, _type, _source, _time, _tags, _data)
    RETURNING position INTO _position;
    RETURN _position;
END
$$ LANGUAGE plpgsql;

-- Appends many events of one category in the order of the arrays.
CREATE FUNCTION append_events(
    _ids uuid[], _streams text[], _types text[], _sources text[], _times timestamptz[],
    _tags text[], _data jsonb[]
) RETURNS bigint AS $$
DECLARE
    _last bigint;
BEGIN
    PERFORM lock_category(_streams[1]);
    WITH sent AS (
        SELECT *, row_number() OVER (PARTITION BY stream ORDER BY place) AS step
        FROM unnest(_ids, _streams, _types, _sources, _times, _tags, _data)
            WITH ORDINALITY AS one (id, stream, type, source, time, tags, data, place)
    ), ends AS (
        SELECT stream, max(revision) AS revision FROM events
        WHERE stream = ANY (_streams) GROUP BY stream
    ), written AS (
        INSERT INTO events (stream, revision, id, type, source, time, tags, data)
        SELECT stream, coalesce(ends.revision, -1) + step, id, type, source, time, tags, data
        FROM sent LEFT JOIN ends USING (stream) ORDER BY place
        RETURNING position
    )
    SELECT max(position) INTO _last FROM written;
    RETURN _last;
END
$$ LANGUAGE plpgsql;
