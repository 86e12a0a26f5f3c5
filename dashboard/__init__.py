"""The Streamlit shell around the engine: state, cache, controls, charts and views."""
