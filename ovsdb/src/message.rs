//! JSON-RPC 1.0 messages (RFC 7047, 4): requests, notifications and answers.

use serde_json::{Value as Json, json};

use crate::fault::Fault;

/// What an answer names its request by: whatever the asker chose.
pub type Id = Json;

/// A message, either way.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// To be answered.
    Request {
        /// The method's name.
        method: String,
        /// Its parameters.
        params: Vec<Json>,
        /// What the answer names it by; never null.
        id: Id,
    },
    /// Not to be answered.
    Notice {
        /// The method's name.
        method: String,
        /// Its parameters.
        params: Vec<Json>,
    },
    /// An answer: `Err` is the `error` member.
    Answer {
        /// The request's.
        id: Id,
        /// What came of it.
        result: Result<Json, Json>,
    },
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    /// If it is neither request nor answer.
    pub fn from_json(json: Json) -> Result<Message, Fault> {
        let Json::Object(mut object) = json else { return Err(Fault::unexpected("", "an object", &json)) };
        let mut take = |key: &str| object.remove(key).unwrap_or(Json::Null);
        let (id, method, params) = (take("id"), take("method"), take("params"));
        match (method, params) {
            (Json::String(method), Json::Array(params)) if id.is_null() => Ok(Message::Notice { method, params }),
            (Json::String(method), Json::Array(params)) => Ok(Message::Request { method, params, id }),
            (Json::String(_), params) => Err(Fault::unexpected("params", "an array", &params)),
            (Json::Null, _) if !id.is_null() => {
                let (error, result) = (take("error"), take("result"));
                Ok(Message::Answer { id, result: if error.is_null() { Ok(result) } else { Err(error) } })
            }
            (method, _) => Err(Fault::unexpected("method", "a name, or an id", &method)),
        }
    }

    /// As it is written.
    pub fn to_json(&self) -> Json {
        match self {
            Message::Request { method, params, id } => json!({"method": method, "params": params, "id": id}),
            Message::Notice { method, params } => json!({"method": method, "params": params, "id": null}),
            Message::Answer { id, result: Ok(result) } => json!({"result": result, "error": null, "id": id}),
            Message::Answer { id, result: Err(error) } => json!({"result": null, "error": error, "id": id}),
        }
    }

    /// The answer to `echo` (RFC 7047, 4.1.11), if this asks for it.
    pub fn echoed(&self) -> Option<Message> {
        match self {
            Message::Request { method, params, id } if method == "echo" => {
                Some(Message::Answer { id: id.clone(), result: Ok(Json::Array(params.clone())) })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_are_written() {
        let request = Message::Request { method: "echo".into(), params: vec![json!([1])], id: json!("echo") };
        let notice = Message::Notice { method: "update".into(), params: vec![] };
        let good = Message::Answer { id: json!(7), result: Ok(json!([])) };
        let bad = Message::Answer { id: json!(7), result: Err(json!("canceled")) };
        for message in [&request, &notice, &good, &bad] {
            assert_eq!(Message::from_json(message.to_json()).as_ref(), Ok(message));
        }
        assert_eq!(request.echoed(), Some(Message::Answer { id: json!("echo"), result: Ok(json!([[1]])) }));
        assert_eq!(notice.echoed(), None);
        for bad in
            [json!({}), json!({"method": "a"}), json!({"method": 1, "params": []}), json!({"result": 1}), json!([])]
        {
            assert!(Message::from_json(bad.clone()).is_err(), "{bad}");
        }
    }
}
